"""An agent's metrics among those that Flink's REST shows of a vertex. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pytest_flink_agents.evidence.metrics import merged, with_common_names

# A metric that the operator of every engine has; operators have different names.
_OPERATOR = re.compile(r"^\d+\.(.+)\.numOfEventProcessed$")


def agent_metrics(metrics: Mapping[str, str], operator: str = "") -> dict[str, float]:
    """Return an agent's metrics under the names of the local tier.

    ``metrics`` maps ``SUBTASK.OPERATOR.NAME`` to text, as Flink's REST shows it.
    """
    shares: dict[str, dict[str, float]] = {}
    for name, own in agent_metric_names(metrics, operator).items():
        value = _number(metrics[name])
        if value is not None:
            # One share for each subtask of each operator.
            shares.setdefault(name.removesuffix(own), {})[own] = value
    return merged(with_common_names(share) for share in shares.values())


def agent_metric_names(names: Iterable[str], operator: str = "") -> dict[str, str]:
    """Return the names that are an agent's metrics, each with its part below the operator."""
    names = [*names]
    operators = {operator} if operator else {found[1] for name in names if (found := _OPERATOR.match(name))}
    found_names: dict[str, str] = {}
    for name in names:
        below = name.partition(".")[2]
        own = next((below[len(each) + 1 :] for each in operators if below.startswith(f"{each}.")), "")
        if own:
            found_names[name] = own
    return found_names


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
