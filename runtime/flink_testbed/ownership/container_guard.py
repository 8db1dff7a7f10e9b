"""The guard that removes the containers of one owner after the owner's end.

This works even if the owner is killed by SIGKILL. The counterpart at a container engine of
:mod:`flink_testbed.ownership.process_guard`, started by
:class:`flink_testbed.ownership.container_owner.ContainerGuard`. Run as a script, isolated
(``python -I``):

    container_guard.py DESCRIPTOR ENGINE LABEL DIRECTORY [PATH ...]

The owner holds the other end of the pipe on DESCRIPTOR. Once the owner is gone, the guard removes
DIRECTORY and every container, network and volume at the address ENGINE that carries LABEL
(``name=value``). Each PATH extends ``sys.path``, as the harness may be installed in a directory
that an isolated Python does not search.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

    from flink_testbed.ownership.process_guard import OwnerWatch

PYTHON_FLAGS = ["-I"]
SCRIPT = "flink_testbed/ownership/container_guard.py"
POLL_S = 0.25
# The engine may still work on an order that it got before the owner's end: a container can appear
# after a look that found none.
QUIET_S = 2.0
LIMIT_S = 60.0
CALL_S = 20


@dataclass(frozen=True)
class Order:
    """The arguments of a guard.

    ``label`` is ``name=value``; the value is the owner's token.
    """

    descriptor: int
    engine: str
    label: str
    directory: str
    paths: tuple[str, ...] = ()

    def command_line(self, python: str) -> list[str]:
        """Return the command line that starts the guard."""
        fixed = [str(self.descriptor), self.engine, self.label, self.directory]
        return [python, *PYTHON_FLAGS, __file__, *fixed, *self.paths]

    @property
    def token(self) -> str:
        """The token of the owner."""
        return self.label.rpartition("=")[2]


def parse(arguments: list[str]) -> Order:
    """Return the order in the arguments after the script."""
    descriptor, engine, label, directory, *paths = arguments
    return Order(int(descriptor), engine, label, directory, tuple(paths))


def order_of(words: list[str]) -> Order | None:
    """Return the order of a guard, None for another process.

    ``words`` is the command line.
    """
    if len(words) > 6 and words[1:2] == PYTHON_FLAGS and words[2].endswith(SCRIPT):
        return parse(words[3:])
    return None


def wait_for_end(owner: OwnerWatch) -> None:
    """Return once the owner is gone."""
    while True:
        readable, _, _ = select.select([owner.pipe], [], [], POLL_S)
        if owner.is_gone(bool(readable)):
            return


def remove_all(client: docker.DockerClient, label: str, refusals: tuple[type[Exception], ...]) -> int:
    """Try to remove everything that carries the label; return how much was found."""
    api, found = client.api, 0
    filters = {"label": label}
    # Containers first: a network or volume in use cannot be removed.
    for container in api.containers(all=True, filters=filters):
        found += 1
        with contextlib.suppress(*refusals):
            api.remove_container(container["Id"], force=True, v=True)
    for network in api.networks(filters=filters):
        found += 1
        with contextlib.suppress(*refusals):
            api.remove_network(network["Id"])
    for volume in api.volumes(filters=filters)["Volumes"] or ():
        found += 1
        with contextlib.suppress(*refusals):
            api.remove_volume(volume["Name"], force=True)
    return found


def main(order: Order) -> None:
    """Wait for the owner's end, then clean up.

    The engine is asked until nothing has appeared for a while.
    """
    # Only after sys.path is complete, and not in processes that import this module for Order alone.
    import docker
    import docker.errors
    import requests

    from flink_testbed.ownership.process_guard import OwnerWatch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wait_for_end(OwnerWatch(order.descriptor))
    shutil.rmtree(order.directory, ignore_errors=True)
    refusals = (docker.errors.DockerException, requests.RequestException)
    deadline = time.monotonic() + LIMIT_S
    quiet_since = None
    while time.monotonic() < deadline:
        try:
            client = docker.from_env(environment={**os.environ, "DOCKER_HOST": order.engine}, timeout=CALL_S)
            found = remove_all(client, order.label, refusals)
        except refusals:
            found = 1
        now = time.monotonic()
        quiet_since = None if found else quiet_since or now
        if quiet_since is not None and now - quiet_since >= QUIET_S:
            return
        time.sleep(POLL_S)


if __name__ == "__main__":
    given = parse(sys.argv[1:])
    sys.path.extend(given.paths)
    main(given)
