"""``flink-agents-gate export``: a range of a Kafka topic as the JSON lines that scenarios read."""
