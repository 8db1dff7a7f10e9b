"""The command line ``flink-agents-gate``."""
