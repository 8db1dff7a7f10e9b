"""The state of the running pytest session, under keys of pytest's stash."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_flink_agents import options

if TYPE_CHECKING:
    from flink_testbed.core.problem import ProblemError
    from flink_testbed.flink.cluster_broker import BrokerAddress
    from pytest_flink_agents.attestation import Signer
    from pytest_flink_agents.environment_patch import EnvironmentPatch
    from pytest_flink_agents.failed_reports import FailedReports
    from pytest_flink_agents.gate import Shard, Verdict
    from pytest_flink_agents.progress import ProgressLines
    from pytest_flink_agents.run.checked_run import CheckedRun
    from pytest_flink_agents.session import GateSession
    from pytest_flink_agents.settings import Settings

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
SESSION: pytest.StashKey[GateSession] = pytest.StashKey()
SIGNER: pytest.StashKey[Signer] = pytest.StashKey()
SHARED: pytest.StashKey[SharedParts] = pytest.StashKey()
VERDICT: pytest.StashKey[Verdict] = pytest.StashKey()
# The shard that runs, and the items of the others.
SHARD: pytest.StashKey[tuple[Shard, list[pytest.Item]]] = pytest.StashKey()
# The plain tests that were left out, each counted once.
DESELECTED: pytest.StashKey[int] = pytest.StashKey()
LEAKS: pytest.StashKey[list[str]] = pytest.StashKey()
PATCH: pytest.StashKey[EnvironmentPatch] = pytest.StashKey()
FAILURES: pytest.StashKey[FailedReports] = pytest.StashKey()
PROGRESS: pytest.StashKey[ProgressLines] = pytest.StashKey()
# Keys of an item's stash. Attempts count from 1: reruns of one item run under the same node id.
ATTEMPT: pytest.StashKey[int] = pytest.StashKey()
NOT_READY: pytest.StashKey[ProblemError] = pytest.StashKey()
CHECKED: pytest.StashKey[CheckedRun] = pytest.StashKey()


class SharedParts:
    """The run folder and the broker that all processes share.

    ``broker`` returns the broker's address in a worker of pytest-xdist; the controller has none.

    ``process`` is the worker's name, empty for the controller.
    """

    def __init__(self, folder: Path, broker: Callable[[], BrokerAddress] | None = None, process: str = "") -> None:
        self.folder = folder
        self.broker = broker
        self.process = process

    @property
    def is_worker(self) -> bool:
        """True in a worker: the controller owns clusters, run folder and verdict."""
        return bool(self.process)


def in_use(config: pytest.Config) -> bool:
    """Return whether there is anything to end or to report.

    There is a session, or a test has started a process without one.
    """
    return SESSION in config.stash or "flink_testbed.ownership.process" in sys.modules


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


def session_of(config: pytest.Config) -> GateSession:
    """Return the session, created on first use.

    A run of pytest without scenarios, without the gate and without the plugin's fixtures never
    creates one.
    """
    if SESSION not in config.stash:
        from pytest_flink_agents.session import GateSession

        shared = config.stash.get(SHARED, None)
        config.stash[SESSION] = GateSession(
            config.stash[SETTINGS],
            config.stash[PROGRESS].show,
            folder=shared.folder if shared else None,
            broker=shared.broker() if shared and shared.broker else None,
            process=shared.process if shared else "",
            signer=config.stash.get(SIGNER, None),
        )
    return config.stash[SESSION]


def provide_signer(config: pytest.Config) -> None:
    """Read the private key before anything runs.

    A session that cannot sign ends with the exit code of *inconclusive*.
    """
    from flink_testbed.core.problem import HostError
    from pytest_flink_agents.attestation import read_signer
    from pytest_flink_agents.gate import EXIT_CODES, VerdictKind

    settings = config.stash[SETTINGS]
    try:
        config.stash[SIGNER] = read_signer(settings.sign_key, config.rootpath, os.environ)
    except HostError as error:
        raise pytest.exit.Exception(str(error), EXIT_CODES[VerdictKind.INCONCLUSIVE]) from None


def require_verdict(config: pytest.Config) -> None:
    """Let a session under the gate end with exit code 0 only if its verdict is *promote*.

    Without a verdict it is *inconclusive*: nothing ran, or pytest was ended before it could begin. Another plugin may have
    set the exit code after the verdict, or have ended pytest before this one has read its settings. Options that only show
    something, such as ``--help``, have no session.
    """
    # The name under which pytest's session registers itself, before any plugin is configured.
    session = config.pluginmanager.get_plugin("session")
    if session is None or int(session.exitstatus) != pytest.ExitCode.OK:
        return
    if is_worker(config) or not options.is_gate(config):
        return
    from pytest_flink_agents.gate import EXIT_CODES, VerdictKind

    verdict = config.stash.get(VERDICT, None)
    session.exitstatus = EXIT_CODES[verdict.verdict if verdict else VerdictKind.INCONCLUSIVE]
    if session.exitstatus:
        answer = f"the verdict is {verdict.verdict}" if verdict else "nothing ran, so there is no verdict"
        sys.stderr.write(f"flink agents gate: {answer}: exit code {session.exitstatus}\n")


def attempt_folder(item: pytest.Item) -> Path:
    """Return the folder of the item's current attempt.

    No two attempts share one: a rerun must not be judged by files of the attempt before.
    """
    return session_of(item.config).folder_of(item.nodeid, item.stash.get(ATTEMPT, 1))
