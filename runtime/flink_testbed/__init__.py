"""Starts, watches and breaks real things: Flink clusters, model servers, job environments. Knows no pytest and no scenario."""
