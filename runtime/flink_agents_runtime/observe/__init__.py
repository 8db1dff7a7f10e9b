"""The event log of a run. Nothing here imports pyflink or depends on a host."""
