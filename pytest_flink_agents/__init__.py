"""The promotion gate for Apache Flink Agents jobs: a pytest plugin, its scenarios, checks, gate and report."""

__version__ = "0.1.0"
