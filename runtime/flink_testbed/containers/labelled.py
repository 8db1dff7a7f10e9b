"""Everything at an engine that carries an owner's label, whoever the owner is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker.errors
import psutil

from flink_testbed.containers.engine import ContainerEngine, told
from flink_testbed.containers.owner import OWNER, RUN, owner_of_labels
from flink_testbed.ownership.owner import Owner


@dataclass(frozen=True, slots=True)
class Labelled:
    """One thing: ``kind`` is ``container``, ``volume`` or ``network``; ``token`` tells its owner from all others."""

    kind: str
    name: str
    run_id: str
    owner: Owner
    token: str
    engine: ContainerEngine

    def remove(self) -> None:
        """Remove it, unless somebody was faster."""
        client = self.engine.client
        with contextlib.suppress(docker.errors.NotFound), told(f"remove {self.kind} {self.name}"):
            if self.kind == "container":
                client.containers.get(self.name).remove(force=True, v=True)
            elif self.kind == "volume":
                client.volumes.get(self.name).remove(force=True)
            else:
                client.networks.get(self.name).remove()


def guarded() -> frozenset[str]:
    """The tokens of owners whose guard is alive on this machine: what carries them is the guard's to remove, or a keeper's."""
    tokens = set()
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if len(words) > 5 and words[2].endswith("container_guard.py"):
            tokens.add(words[5].rpartition("=")[2])
    return frozenset(tokens)


def everything_labelled(engine: ContainerEngine) -> Iterator[Labelled]:
    """Containers first: a network that is in use cannot be removed."""
    api, filters = engine.client.api, {"label": OWNER}
    with told("list what carries our label"):
        listed: list[tuple[str, list[dict[str, Any]]]] = [
            ("container", api.containers(all=True, filters=filters)),
            ("volume", api.volumes(filters=filters)["Volumes"] or []),
            ("network", api.networks(filters=filters)),
        ]
    for kind, things in listed:
        for thing in things:
            labels = thing.get("Labels") or {}
            owner = owner_of_labels(labels)
            if owner:
                name = str(thing.get("Name") or thing["Names"][0].lstrip("/"))
                yield Labelled(kind, name, labels.get(RUN, ""), owner, labels[OWNER], engine)
