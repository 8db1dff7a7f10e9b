"""Describe a container, and translate the description for the engine; pure."""

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
    """A file or directory that a container shares with this machine.

    It is mounted at the same path, or at ``at``.
    """

    path: Path
    writable: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """The description of a container.

    ``name`` is its host name in ``network``, which may be ``none``. ``command`` replaces the
    image's entry point and arguments; empty keeps them. ``published`` maps ports of the container
    to ports of this machine's loopback. ``user`` is ``uid:gid``; empty is the image's user.
    ``memory_mib`` and ``processes``, which counts threads, are limits.
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
        """Return the arguments of the Docker SDK's ``containers.create``, without networks and logging.

        ``name`` is the container's name at the engine. The container has no capabilities, gains no
        privileges, has a read-only root file system, and limits on memory, swap and processes. It
        never gets the engine's socket.
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
            "tmpfs": {"/tmp": _TEMPORARY},  # noqa: S108  inside the container
            "ports": {f"{inside}/tcp": (LOOPBACK, outside) for inside, outside in self.published.items()},
            "detach": True,
            "mem_limit": f"{self.memory_mib}m",
            "memswap_limit": f"{self.memory_mib}m",
            "pids_limit": self.processes,
            **command,
        }

    def mounts(self) -> list[dict[str, Any]]:
        """Return the mounts for the engine, outer directories first."""
        return [
            {"source": str(share.path), "target": share.at or str(share.path), "read_only": not share.writable}
            for share in sorted(self.shared, key=lambda share: (len(share.path.parts), str(share.path)))
        ]


LOG_LIMITS = {"max-size": _LOG_FILE_SIZE, "max-file": _LOG_FILES}
