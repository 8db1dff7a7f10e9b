"""The rehearsal of an upgrade: the version that runs first, and the steps that lead to the others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.responder import RefusedError
from pytest_flink_agents.compare.sides import AllowRule
from pytest_flink_agents.evidence.upgrade import BASELINE, CANDIDATE
from pytest_flink_agents.run.channel import Channel, MemoryChannel
from pytest_flink_agents.run.fault_steps import trigger_of
from pytest_flink_agents.run.launch import refused
from pytest_flink_agents.run.portions import portions
from pytest_flink_agents.run.promotion import Promotion, ShadowTask
from pytest_flink_agents.run.replays import has_action_store
from pytest_flink_agents.run.requests import ScenarioRequest
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.savepoint_copy import COPY, detached_copy
from pytest_flink_agents.run.timeline import Step
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.run.upgrade_steps import upgrade_steps
from pytest_flink_agents.scenario.comparison import allow_path
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.vocabulary import Engine

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun

_STORED: DocumentPath = ("upgrade", "from", "savepoint")


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
    if upgrade.both_alive:
        return before, _beside(candidate, after, channel, ledger)
    savepoint = _detached(candidate) if upgrade.from_.savepoint else ""
    faults = candidate.fault_steps(channel, ledger)
    steps = upgrade_steps(upgrade, before, after, savepoint, ledger, channel.send_portion, faults)
    return after if savepoint else before, steps


def _beside(
    request: ScenarioRequest, candidate: RunVersion, channel: Channel, ledger: LedgerRun | None
) -> tuple[Step, ...]:
    """Return the steps of a candidate that is alive beside the baseline.

    Raises ``ScenarioError`` FA203 for what cannot be alive twice.
    """
    loaded, upgrade = request.loaded, request.loaded.scenario.upgrade
    assert upgrade is not None
    assert upgrade.after is not None, "the model requires the moment of a switch"
    assert isinstance(channel, TopicChannel)
    delivery = loaded.scenario.expect.delivery
    assert delivery is not None, "the model requires a delivery"
    if has_action_store(request.place.setup.agent):
        raise _not_twice(loaded, "an action state store in the configuration", "one without it")
    if request.version.engine is not Engine.BUNDLED:
        raise _not_twice(loaded, f"the engine {request.version.engine.value}", "the bundled engine")
    first, in_flight, shadow, *_ = portions(loaded, len(channel.inputs))
    rules = [AllowRule(text, allow_path(text)) for text in upgrade.allow]
    inputs = range(first.stop + len(in_flight), shadow.stop)
    task = ShadowTask(inputs, delivery.per_input, rules, loaded.scenario.within, upgrade.abort_after or "")
    return Promotion(candidate, channel, task, ledger).steps(trigger_of(upgrade.after, ledger))


def _not_twice(loaded: LoadedScenario, seen: str, expected: str) -> ScenarioError:
    message = "mode: blue_green is not possible"
    mistake = Mistake("FA203", ("upgrade", "mode"), message, expected, seen, "write mode: savepoint")
    return ScenarioError(loaded.document.problem(mistake))


def remove_copy(directory: Path) -> None:
    """Remove the copy of a savepoint: its state is binary, so that no secret in it can be masked."""
    shutil.rmtree(directory / COPY, ignore_errors=True)


def _detached(request: ScenarioRequest) -> str:
    """Return the address of a copy of the stored savepoint, without its places in the topics of another run."""
    loaded, place, upgrade = request.loaded, request.place, request.loaded.scenario.upgrade
    assert upgrade is not None
    assert upgrade.from_.savepoint is not None
    try:
        stored = loaded.savepoint(upgrade.from_.savepoint)
        return detached_copy(stored, place.directory / COPY, place, keeps_source=False)
    except RefusedError as error:
        if error.kind != "savepoint":
            raise refused(error) from error
        next_step = "copy the whole directory of a savepoint that an agent's job of this version of the plugin wrote"
        mistake = Mistake("FA206", _STORED, error.message, error.expected, error.seen, next_step)
        raise ScenarioError(loaded.document.problem(mistake)) from None
