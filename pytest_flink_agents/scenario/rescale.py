"""The act ``rescale`` of a scenario's timeline: the same agent, with another parallelism.

Must never import: yaml, pytest, anything that starts a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from pytest_flink_agents.scenario.flink_options import MAX_PARALLELISM
from pytest_flink_agents.scenario.mapping import LanguageMapping
from pytest_flink_agents.scenario.words import wrong


class Rescale(LanguageMapping):
    """Another parallelism of the job, which is stopped with a savepoint and started from it."""

    parallelism: Annotated[int, Field(ge=1, le=MAX_PARALLELISM)] = Field(
        description=f"the parallelism from then on, at most {MAX_PARALLELISM}"
    )


def require_rescalable(disturbing: Mapping[str, object], *, delivery: bool) -> None:
    """Refuse to rescale a job beside words that are given in ``disturbing``, or whose ``delivery`` is not stated."""
    for word, given in disturbing.items():
        if given:
            message, next_step = f"{word} beside rescale is not supported yet", f"remove {word}, or rescale"
            raise wrong("an agent whose inputs wait for nothing", message=message, next_step=next_step)
    if not delivery:
        next_step = "add expect.delivery: {outputs: exactly_once}"
        raise wrong("the delivery beside rescale", code="FA204", next_step=next_step)
