"""These tests run inside a job environment: where flink_agents is not installed there is nothing here to collect."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("flink_agents") else ["test_*.py"]
