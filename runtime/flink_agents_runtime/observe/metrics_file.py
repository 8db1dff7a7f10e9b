"""The last metrics of an agent, as a file beside its event log.

Flink shows metrics about a second late and drops them at the end of a job: a short job has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.observe.json_log import safe_name


class MetricsFile:
    """The file ``metrics-NAME.json`` in ``baseLogDir``; nothing without that option.

    Until it is written, there is an empty ``metrics-NAME.part``: one that remains shows that a
    process was killed, and that its metrics are missing.
    """

    def __init__(self, config: AgentConfiguration, name: str) -> None:
        directory = str(option(config, "baseLogDir") or "").strip()
        self._unfinished = Path(directory) / f"metrics-{safe_name(name)}.part" if directory else None
        if self._unfinished is not None:
            self._unfinished.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished.touch()

    def write(self, metrics: Mapping[str, float]) -> None:
        """Write the metrics."""
        if self._unfinished is not None:
            self._unfinished.write_text(json.dumps(dict(metrics)), encoding="utf-8")
            self._unfinished.replace(self._unfinished.with_suffix(".json"))
