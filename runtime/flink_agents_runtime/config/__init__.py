"""Options of flink-agents: their catalogue, types, sources and configuration files."""
