"""What a container of ours is asked to be, and the engine's words for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flink_testbed.core.ports import LOOPBACK

_LOG_FILES, _LOG_FILE_SIZE = "2", "8m"
_TEMPORARY = "rw,nosuid,nodev,size=256m"


@dataclass(frozen=True, slots=True)
class Shared:
    """A file or directory of this machine that is there under the same path, or under ``at``."""

    path: Path
    writable: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container. ``name`` is its host name in ``network``, which is the name of a network, or ``none``.

    ``command`` is the whole command line, an image's own entry point is not used; empty is the image's own. ``published``
    maps its ports to ports of this machine's loopback. ``user`` is ``uid:gid``, empty is the image's own; ``memory_mib`` and
    ``processes`` (threads count) are limits.
    """

    name: str
    image: str
    command: tuple[str, ...]
    user: str
    memory_mib: int
    processes: int
    network: str = "none"
    environment: Mapping[str, str] = field(default_factory=dict)
    shared: tuple[Shared, ...] = ()
    published: Mapping[int, int] = field(default_factory=dict)
    directory: str = "/"
    read_only: bool = True

    def arguments(self, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """Arguments of the Docker SDK's ``containers.create``, networks and log driver apart. ``name`` is its name there.

        No capability, no new privileges, no other user's rights, a root file system that is only read, bounded memory,
        swap, processes and logs; never an engine's socket.
        """
        command = {"entrypoint": [self.command[0]], "command": list(self.command[1:])} if self.command else {}
        return {
            "image": self.image,
            "name": name,
            "hostname": self.name,
            "user": self.user,
            "environment": dict(self.environment),
            "working_dir": self.directory,
            "labels": dict(labels),
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "privileged": False,
            "read_only": self.read_only,
            "tmpfs": {"/tmp": _TEMPORARY},  # noqa: S108  the container's own
            "ports": {f"{inside}/tcp": (LOOPBACK, outside) for inside, outside in self.published.items()},
            "detach": True,
            "mem_limit": f"{self.memory_mib}m",
            "memswap_limit": f"{self.memory_mib}m",
            "pids_limit": self.processes,
            **command,
        }

    def mounts(self) -> list[dict[str, Any]]:
        """What it shares, outer directories first, as the engine takes mounts."""
        return [
            {"source": str(share.path), "target": share.at or str(share.path), "read_only": not share.writable}
            for share in sorted(self.shared, key=lambda share: (len(share.path.parts), str(share.path)))
        ]


LOG_LIMITS = {"max-size": _LOG_FILE_SIZE, "max-file": _LOG_FILES}
