"""Limits on the files, code, requirements and resources that scenarios name."""
