"""Answers of endpoints and models that depend on how often they were asked before.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flink_testbed.ledger.routes import Route
from flink_testbed.ledger.template import names_in


def counted_answer(routes: Iterable[Route], rules: Iterable[Mapping[str, Any]]) -> str:
    """Return the first answer that depends on the number of calls before it, empty if none does.

    It cannot be given again to a replay.
    """
    if any(rule.get("times") for rule in rules):
        return "a rule of a model with times"
    for route in routes:
        if route.fault and route.fault.times:
            return f"a fault of {route.name} with times"
        if "sequence" in names_in([route.reply.json, route.reply.text, dict(route.reply.headers)]):
            return f"a reply of {route.name} with ${{request.sequence}}"
    return ""
