"""``flink-agents-gate lint``: scenario files as pytest loads them, Flink configurations as flink-agents reads them."""
