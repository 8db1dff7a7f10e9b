"""``flink-agents-gate init``: write a file to begin with."""
