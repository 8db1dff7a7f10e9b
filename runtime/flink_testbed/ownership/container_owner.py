"""The owner of containers: its labels and its guard.

The guard removes everything that carries the labels.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from flink_testbed.ownership.container_guard import Order, order_of
from flink_testbed.ownership.owner import Owner, owner_from, owner_of, this_process
from flink_testbed.ownership.owner_pipe import OwnerPipe
from flink_testbed.ownership.process import clean_environment

OWNER, RUN, PROCESS = "pytest-flink-agents.owner", "pytest-flink-agents.run", "pytest-flink-agents.process"
# Longer than the guard's own limit: an engine under load takes its time.
GUARD_ENDS_S = 70.0


@dataclass(frozen=True, slots=True)
class ContainerOwner:
    """A process that starts containers.

    ``token`` is unique; it is part of the name of every container, network and volume of the owner.
    """

    token: str
    run_id: str
    process: Owner

    def labels(self) -> dict[str, str]:
        """Return the labels of everything that the owner starts."""
        return {OWNER: self.token, RUN: self.run_id, PROCESS: json.dumps(self.process.as_json())}

    def name_of(self, part: str) -> str:
        """Return the name that the engine knows ``part`` by."""
        return f"flink-agents-{self.token}-{part}"


def this_owner(run_id: str) -> ContainerOwner:
    """Return the running process as an owner with a new token."""
    return ContainerOwner(secrets.token_hex(4), run_id, this_process())


def owner_of_labels(labels: Mapping[str, str]) -> Owner | None:
    """Return the process that the labels name.

    None if the labels are not from us or cannot be read.
    """
    try:
        return owner_from(json.loads(labels[PROCESS])) if OWNER in labels else None
    except (KeyError, TypeError, ValueError):
        return None


class ContainerGuard:
    """The guard process of one owner at the engine with this address.

    ``sockets`` is a directory with a short path for the sockets that containers share with this
    machine; it goes with the containers.
    """

    def __init__(self, owner: ContainerOwner, engine: str) -> None:
        self.sockets = Path(tempfile.mkdtemp(prefix="flink-agents-"))
        self._pipe = OwnerPipe()
        docker_settings = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
        order = Order(
            self._pipe.guard_end,
            engine,
            f"{OWNER}={owner.token}",
            str(self.sockets),
            tuple(filter(None, sys.path)),
        )
        self._guard = subprocess.Popen(
            order.command_line(sys.executable),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environment(**docker_settings),
            pass_fds=(order.descriptor,),
            start_new_session=True,
        )
        self._pipe.started()

    def detach(self) -> tuple[int, Owner]:
        """Return the descriptor that keeps the containers alive, and the guard's process."""
        guard = owner_of(self._guard.pid)
        self._guard.returncode = 0  # another process waits for it
        return self._pipe.detach(), guard

    def close(self) -> bool:
        """Let the guard clean up, and wait for it.

        Returns False if that was done before.
        """
        if not self._pipe.is_open:
            return False
        self._pipe.close()
        try:
            self._guard.wait(GUARD_ENDS_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)
        return True


def guarded_tokens() -> frozenset[str]:
    """Return the tokens of all owners whose guard runs on this machine.

    What carries such a token is the guard's to remove, or belongs to a detached cluster.
    """
    orders = (order_of(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return frozenset(order.token for order in orders if order)
