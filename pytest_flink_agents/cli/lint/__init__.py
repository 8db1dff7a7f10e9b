"""``flink-agents-gate lint``: a Flink configuration as flink-agents reads it. Looks (file), then judges (pure)."""
