"""Ownership of processes, containers and files: owners, guards, detached clusters and leftovers."""
