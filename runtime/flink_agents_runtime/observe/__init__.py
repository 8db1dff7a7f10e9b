"""The event log of a run, without pyflink and hosts."""
