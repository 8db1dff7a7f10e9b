"""The rehearsal of an upgrade: the version that runs first, and the steps that lead to the others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.flink.config import address_of
from flink_testbed.responder import RefusedError
from pytest_flink_agents.evidence.upgrade import BASELINE, CANDIDATE
from pytest_flink_agents.run.channel import Channel, MemoryChannel, TopicChannel
from pytest_flink_agents.run.launch import refused
from pytest_flink_agents.run.requests import ScenarioRequest
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.timeline import Step
from pytest_flink_agents.run.upgrade_steps import upgrade_steps
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun

_STORED: DocumentPath = ("upgrade", "from", "savepoint")
_DETACH_S = 60.0
_COPY = "savepoint"


def rehearsal(
    candidate: ScenarioRequest, baseline: ScenarioRequest, channel: Channel, ledger: LedgerRun | None
) -> tuple[RunVersion, tuple[Step, ...]]:
    """Return the version that runs first, and the steps that lead to the others.

    Raises ``ScenarioError`` FA206 for a stored savepoint that cannot be the start of an agent.
    """
    upgrade = candidate.loaded.scenario.upgrade
    assert upgrade is not None
    assert isinstance(channel, (MemoryChannel, TopicChannel))
    before = RunVersion(BASELINE, baseline.subject(channel, BASELINE), baseline.place)
    after = RunVersion(CANDIDATE, candidate.subject(channel, CANDIDATE), candidate.place)
    savepoint = _detached(candidate) if upgrade.from_.savepoint else ""
    faults = candidate.fault_steps(channel, ledger)
    steps = upgrade_steps(upgrade, before, after, savepoint, ledger, channel.send_portion, faults)
    return after if savepoint else before, steps


def remove_stored_copy(directory: Path) -> None:
    """Remove the copy of a stored savepoint: its state is binary, so that no secret in it can be masked."""
    shutil.rmtree(directory / _COPY, ignore_errors=True)


def _detached(request: ScenarioRequest) -> str:
    """Return the address of a copy of the stored savepoint, without its places in the topics of another run."""
    loaded, place, upgrade = request.loaded, request.place, request.loaded.scenario.upgrade
    assert upgrade is not None
    assert upgrade.from_.savepoint is not None
    copy = place.directory / _COPY
    # Links stay links: none may bring in a file of another place.
    shutil.copytree(loaded.savepoint(upgrade.from_.savepoint), copy, symlinks=True)
    submitter = place.environment.submitter(place.tier, place.setup.variant)
    try:
        submitter.request("detach_savepoint", timeout_s=_DETACH_S, savepoint=str(copy))
    except RefusedError as error:
        if error.kind != "savepoint":
            raise refused(error) from error
        next_step = "copy the whole directory of a savepoint that an agent's job of this version of the plugin wrote"
        mistake = Mistake("FA206", _STORED, error.message, error.expected, error.seen, next_step)
        raise ScenarioError(loaded.document.problem(mistake)) from None
    return address_of(copy)
