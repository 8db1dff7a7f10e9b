"""What a run shows of itself: metrics and the event log. Never imports pyflink; knows nothing of hosts."""
