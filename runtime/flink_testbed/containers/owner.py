"""Whose a container is: labels that tell its owner, to the guard now and to a sweep later."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from flink_testbed.ownership.owner import Owner, owner_from, this_process

OWNER, RUN, PROCESS = "pytest-flink-agents.owner", "pytest-flink-agents.run", "pytest-flink-agents.process"


@dataclass(frozen=True, slots=True)
class ContainerOwner:
    """A process that starts containers. ``token`` is in the name of everything it has, and told by no other owner."""

    token: str
    run_id: str
    process: Owner

    def labels(self) -> dict[str, str]:
        """The labels of everything it has."""
        return {OWNER: self.token, RUN: self.run_id, PROCESS: json.dumps(self.process.as_json())}

    def name_of(self, part: str) -> str:
        """The name that a part of it has at the engine."""
        return f"flink-agents-{self.token}-{part}"


def this_owner(run_id: str) -> ContainerOwner:
    """The running process, under a token of its own."""
    return ContainerOwner(secrets.token_hex(4), run_id, this_process())


def owner_of_labels(labels: Mapping[str, str]) -> Owner | None:
    """The process that the labels name, None for what is not ours or cannot be read."""
    try:
        return owner_from(json.loads(labels[PROCESS])) if OWNER in labels else None
    except (KeyError, TypeError, ValueError):
        return None
