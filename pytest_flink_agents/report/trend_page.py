"""The page of ``flink-agents-gate trend``: the history of sessions as one picture and one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_TEMPLATE = "trend.html.j2"
# Units of the picture: width of a session, height of its graphs.
_STEP, _HEIGHT = 24, 120


def trend_page(sessions: Sequence[Mapping[str, Any]]) -> str:
    """Return the page, which needs no network and no script.

    Each session has ``name``, ``started``, ``verdict``, ``commit``, ``ran``, ``passed``, ``flaky``, ``pass_rate`` (0 to 1)
    and ``latency_p95`` (ms). The last two may be None.
    """
    templates = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined)
    slowest = max((one["latency_p95"] for one in sessions if one["latency_p95"]), default=0)
    bars = [
        {
            **one,
            "x": number * _STEP,
            "rate": round((one["pass_rate"] or 0) * _HEIGHT, 1),
            "latency": round((one["latency_p95"] or 0) / slowest * _HEIGHT, 1) if slowest else 0,
        }
        for number, one in enumerate(sessions)
    ]
    return templates.get_template(_TEMPLATE).render(
        sessions=bars, width=max(len(bars) * _STEP, _STEP), height=_HEIGHT, step=_STEP, slowest=round(slowest)
    )
