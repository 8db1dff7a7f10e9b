"""The last metrics of an agent, as a file beside its event log.

Flink shows metrics about a second late and drops them at the end of a job: a short job has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.observe.event_log import safe_name


def write_metrics(config: AgentConfiguration, name: str, metrics: Mapping[str, float]) -> None:
    """Write ``metrics-NAME.json`` to ``baseLogDir``; without that option, write nothing.

    A reader never sees a part of the file.
    """
    directory = str(option(config, "baseLogDir") or "").strip()
    if not directory:
        return
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"metrics-{safe_name(name)}.json"
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(dict(metrics)), encoding="utf-8")
    unfinished.replace(path)
