"""``flink-agents-gate doctor``: is everything here that a run needs, and what is wrong. Looks only, changes nothing."""
