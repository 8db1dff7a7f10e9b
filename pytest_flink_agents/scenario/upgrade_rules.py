"""The rules for ``upgrade`` beside the other words of a scenario.

Must never import: yaml, pytest, anything that starts a process.
"""

from __future__ import annotations

from collections.abc import Mapping

from flink_testbed.ledger.routes import TOOL
from pytest_flink_agents.scenario.counted_answers import counted_answer
from pytest_flink_agents.scenario.faults import timetable
from pytest_flink_agents.scenario.fields import ScenarioFields
from pytest_flink_agents.scenario.placeholders import names_in
from pytest_flink_agents.scenario.subjects import Job, needs_jvm
from pytest_flink_agents.scenario.upgrade import Upgrade
from pytest_flink_agents.scenario.words import wrong

_ACTION_STORE = "actionStateStoreBackend"
_TIERS = ("tiers",)


def require_upgradable(scenario: ScenarioFields) -> None:
    """Refuse words beside ``upgrade`` that cannot be rehearsed together. Raises pydantic's error."""
    upgrade = scenario.upgrade
    if upgrade is None:
        if scenario.expect.downtime is not None and not scenario.rescales:
            message, next_step = (
                "expect.downtime without upgrade",
                "remove downtime, or limit expect.recovery beside faults",
            )
            raise wrong("upgrade or rescale beside it", message=message, code="FA204", next_step=next_step)
        return
    _require_undisturbed(scenario, upgrade)
    _require_words_of_the_subject(scenario, upgrade)
    if any(fault.after.effect or fault.after.event for fault in timetable(scenario.faults)):
        message = "faults.after.effect or event beside upgrade"
        next_step = "write outputs, seconds or checkpoint: they are counted from the start of the scenario's own agent"
        raise wrong("a moment of the scenario's own agent", message=message, next_step=next_step)
    if scenario.job and "local" in (scenario.tiers or ()):
        message, next_step = "a job beside upgrade on the local tier", "write `tiers: [embedded]`"
        raise wrong("tiers with Flink", message=message, next_step=next_step, at=_TIERS)
    if not scenario.tiers:
        # A job of the user's own needs Flink.
        words = "" if scenario.job else "local, "
        next_step = "add `tiers: [embedded]`" if scenario.job else "add `tiers: [local, embedded]`, or one of the two"
        expected = f"tiers: [{words}embedded, container, remote] or some of them"
        raise wrong(expected, message="upgrade on any tier", code="FA204", next_step=next_step)
    if upgrade.both_alive:
        _require_two_alive(scenario, upgrade)
    if "remote" in scenario.tiers:
        _require_possible_on_an_external_cluster(upgrade)
    if "local" in scenario.tiers:
        _require_possible_without_flink(scenario, upgrade)
    if scenario.expect.downtime is not None and not upgrade.switches:
        message = "no version is stopped: expect.downtime"
        raise wrong("rollback: true beside it", message=message, next_step="remove downtime, or add rollback")
    stated = scenario.expect.delivery and scenario.expect.delivery.outputs
    if not stated and not isinstance(scenario.expect.outputs, tuple):
        next_step = "add expect.delivery: {outputs: exactly_once}"
        raise wrong("the delivery, or a list of all outputs, beside upgrade", code="FA204", next_step=next_step)


def _require_words_of_the_subject(scenario: ScenarioFields, upgrade: Upgrade) -> None:
    """Refuse the words for an agent beside a job, and those for a job beside an agent."""
    before = upgrade.from_
    if scenario.job is None:
        _require_none({"upgrade.from.job": before.job}, "a job beside it, or from.agent", "write from: {agent: ...}")
        return
    _require_topics(scenario.job)
    # Arguments that are left out are those of the scenario's job.
    if before.job and "args" in before.job.model_fields_set:
        _require_topics(before.job)
    _require_none({"upgrade.from.agent": before.agent}, "from.job beside job", "write from: {job: {python: FILE}}")
    of_agents = {
        "upgrade.from.savepoint": before.savepoint,
        "upgrade.from.config": before.config,
        "upgrade.removes": upgrade.removes,
        "upgrade.after.event": upgrade.after and upgrade.after.event,
    }
    _require_none(of_agents, "an agent beside it: the harness does not know the parts of a job", "remove it")


def _require_topics(job: Job) -> None:
    """Refuse a job that reads or writes a file."""
    if missing := [name for name in ("input.topic", "output.topic") if name not in names_in(job.args)]:
        expected = " and ".join(f"${{{name}}}" for name in missing)
        next_step = "let the job read and write topics: a file is complete before its job begins, or after it has ended"
        message = "upgrade of a job with files"
        raise wrong(f"{expected} among the arguments of the job", message=message, code="FA204", next_step=next_step)


def _require_none(given: Mapping[str, object], expected: str, next_step: str) -> None:
    for word, value in given.items():
        if value:
            raise wrong(expected, message=f"{word} is not possible here", next_step=next_step, at=word.split("."))


def _require_undisturbed(scenario: ScenarioFields, upgrade: Upgrade) -> None:
    before = upgrade.from_.agent
    disturbing = {
        "rescale": scenario.rescales,
        "inputs[].after": scenario.held_inputs,
        "a Java agent": scenario.has_java_agent or (before is not None and needs_jvm(before)),
    }
    for word, given in disturbing.items():
        if given:
            message = f"{word} beside upgrade is not supported yet"
            raise wrong(
                "an agent or a job that nothing else disturbs", message=message, next_step=f"remove {word}, or upgrade"
            )


def _require_possible_on_an_external_cluster(upgrade: Upgrade) -> None:
    before = upgrade.from_
    of_the_cluster = {
        "flink": before.flink,
        "flink_agents": before.flink_agents,
        "python": before.python,
        "requirements": before.requirements,
        "savepoint": before.savepoint,
    }
    for word, value in of_the_cluster.items():
        if value:
            message = f"upgrade.from.{word} on the remote tier, whose cluster has one environment and its own files"
            next_step = f"remove {word}, or remote from tiers"
            raise wrong("tiers without remote", message=message, next_step=next_step, at=("upgrade", "from", word))


def _require_two_alive(scenario: ScenarioFields, upgrade: Upgrade) -> None:
    """Refuse what two versions that are alive at the same time would share, or what could not be judged."""
    if scenario.tiers != ("embedded",):
        message = "mode: blue_green on another tier than embedded"
        raise wrong("tiers: [embedded]", message=message, next_step="write `tiers: [embedded]`", at=_TIERS)
    delivery = scenario.expect.delivery
    if delivery is None or delivery.outputs != "exactly_once":
        message = "mode: blue_green without expect.delivery.outputs"
        next_step = "add expect.delivery: {outputs: exactly_once}: it says how many outputs the candidate must have"
        raise wrong("delivery: {outputs: exactly_once}", message=message, code="FA204", next_step=next_step)
    if upgrade.abort_after and scenario.expect.downtime is not None:
        message, next_step = "expect.downtime beside upgrade.abort_after", "remove downtime, or abort_after"
        raise wrong("a version that is stopped", message=message, next_step=next_step)
    llm = scenario.llm
    shared = {
        "a job of your own": scenario.job,
        "faults": scenario.faults,
        "an action state store": _ACTION_STORE in {**scenario.config, **upgrade.from_.config} or delivery.actions,
        "tools of an MCP server": any(effect.as_route().method == TOOL for effect in scenario.effects or ()),
        "llm: {mode: record} or replay": llm is not None and llm.mode in ("record", "replay"),
    }
    shared |= dict.fromkeys(_unequal_answers(scenario), True)
    for word, given in shared.items():
        if given:
            message = f"{word} beside mode: blue_green is not supported yet"
            next_step = "remove it, or write mode: savepoint"
            raise wrong("nothing that both versions would share", message=message, next_step=next_step)


def _unequal_answers(scenario: ScenarioFields) -> list[str]:
    """Return the answers of which the second version could not get the same as the first one."""
    routes = [effect.as_route() for effect in scenario.effects or ()]
    counted = counted_answer(routes, scenario.llm.rules() if scenario.llm else ())
    # Nothing of such a call is recorded, so the shadow would wait for it, and be refused.
    unseen = [
        f"a fault of {one.name} with reset: before" for one in routes if one.fault and one.fault.reset == "before"
    ]
    return [counted, *unseen] if counted else unseen


def _require_possible_without_flink(scenario: ScenarioFields, upgrade: Upgrade) -> None:
    if upgrade.from_.savepoint is not None:
        next_step = "write `tiers: [embedded]`"
        message, at = "a savepoint of Flink on the local tier", ("upgrade", "from", "savepoint")
        raise wrong("tiers without local beside it", message=message, next_step=next_step, at=at)
    if upgrade.after is None or upgrade.after.outputs is None:
        next_step = "wait for outputs, or remove local from tiers"
        message = "upgrade.after without outputs on the local tier, which has no time and no checkpoints"
        raise wrong("after: {outputs: 100}", message=message, next_step=next_step, at=("upgrade", "after"))
    if upgrade.mode == "last-state":
        message = "upgrade.mode: last-state on the local tier, which has no checkpoints"
        next_step = "remove mode, or local from tiers"
        raise wrong("tiers without local", message=message, next_step=next_step, at=("upgrade", "mode"))
    if scenario.expect.downtime is not None:
        message = "outputs have no time outside Kafka: expect.downtime"
        next_step = "remove downtime, or local from tiers"
        raise wrong("tiers without local", message=message, next_step=next_step, at=("expect", "downtime"))
