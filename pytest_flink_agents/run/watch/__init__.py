"""Observers of a run on a cluster: jobs, logs, threads and files."""
