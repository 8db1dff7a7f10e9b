"""Observers of a run on a cluster: its jobs, its logs, its threads, and whether the cluster reaches its files."""
