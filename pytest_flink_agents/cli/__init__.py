"""``flink-agents-gate``: what does not need a test session."""
