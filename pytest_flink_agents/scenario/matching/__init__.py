"""Matchers: expected values compiled into comparisons that explain each mismatch."""
