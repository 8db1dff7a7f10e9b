"""List everything at an engine that carries the label of any owner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker.errors

from flink_testbed.containers.engine import ContainerEngine, translate_errors
from flink_testbed.ownership.container_owner import OWNER, RUN, owner_of_labels
from flink_testbed.ownership.owner import Owner


@dataclass(frozen=True, slots=True)
class Labelled:
    """A container, volume or network (``kind``) and its owner.

    ``token`` identifies the owner.
    """

    kind: str
    name: str
    run_id: str
    owner: Owner
    token: str
    engine: ContainerEngine

    def remove(self) -> None:
        """Remove it; no effect if it is gone already."""
        client = self.engine.client
        with contextlib.suppress(docker.errors.NotFound), translate_errors(f"remove {self.kind} {self.name}"):
            if self.kind == "container":
                client.containers.get(self.name).remove(force=True, v=True)
            elif self.kind == "volume":
                client.volumes.get(self.name).remove(force=True)
            else:
                client.networks.get(self.name).remove()


def everything_labelled(engine: ContainerEngine) -> Iterator[Labelled]:
    """Yield containers first: a network or volume in use cannot be removed."""
    api, filters = engine.client.api, {"label": OWNER}
    with translate_errors("list the containers with our label"):
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
