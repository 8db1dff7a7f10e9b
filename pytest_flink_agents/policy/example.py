"""The example that ``flink-agents-gate init policy`` writes."""

from __future__ import annotations

from pathlib import Path

EXAMPLE = Path(__file__).with_name("example.yaml")
