"""The guard of one owner's containers: when the owner is gone, SIGKILL included, what carries its label goes too.

What :mod:`flink_testbed.ownership.process_guard` is for processes. Run as a script, isolated (``python -I``), by
:mod:`flink_testbed.containers.owned`:

    container_guard.py DESCRIPTOR ENGINE LABEL DIRECTORY [PATH ...]

It imports from each PATH, too: the harness may be installed where an isolated Python does not look. The owner holds the
other end of the pipe on that descriptor. When it closes, or the guard's parent changes, every container, network and volume
at ENGINE with LABEL (``name=value``) is removed, and so is DIRECTORY. A byte ``k`` through the pipe says that its other end
goes to a keeper: from then on only its closing counts.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import time

sys.path.extend(sys.argv[5:])

import docker
import docker.errors
import requests

POLL_S = 0.25
# A container may come into being after its owner's end: the engine had its order already.
QUIET_S = 2.0
LIMIT_S = 60.0
REFUSALS = (docker.errors.DockerException, requests.RequestException)


def wait_for_end(owner: int) -> None:
    """Return when the owner's end of the pipe is closed, or the owner no longer our parent and nobody else has its end."""
    parent, handed_over = os.getppid(), False
    while True:
        readable, _, _ = select.select([owner], [], [], POLL_S)
        word = os.read(owner, 1) if readable else None
        handed_over = handed_over or word == b"k"
        if word == b"" or (os.getppid() != parent and not handed_over):
            return


def remove_all(client: docker.DockerClient, label: str) -> int:
    """Remove what carries the label; returns how much there was."""
    api, found = client.api, 0
    filters = {"label": label}
    for container in api.containers(all=True, filters=filters):
        found += 1
        with contextlib.suppress(*REFUSALS):
            api.remove_container(container["Id"], force=True, v=True)
    for network in api.networks(filters=filters):
        found += 1
        with contextlib.suppress(*REFUSALS):
            api.remove_network(network["Id"])
    for volume in api.volumes(filters=filters)["Volumes"] or ():
        found += 1
        with contextlib.suppress(*REFUSALS):
            api.remove_volume(volume["Name"], force=True)
    return found


def main(owner: int, engine: str, label: str, directory: str) -> None:
    """Guard until the owner ends, then clean up until nothing has come for a while."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wait_for_end(owner)
    shutil.rmtree(directory, ignore_errors=True)
    deadline = time.monotonic() + LIMIT_S
    quiet_since = None
    while time.monotonic() < deadline:
        try:
            client = docker.from_env(environment={**os.environ, "DOCKER_HOST": engine}, timeout=20)
            found = remove_all(client, label)
        except REFUSALS:
            found = 1
        now = time.monotonic()
        quiet_since = None if found else quiet_since or now
        if quiet_since is not None and now - quiet_since >= QUIET_S:
            return
        time.sleep(POLL_S)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:5])
