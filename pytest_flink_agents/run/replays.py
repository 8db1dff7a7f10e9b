"""Run the inputs of an agent again from their crash points, in the local worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flink_testbed.responder import RefusedError
from pytest_flink_agents.evidence.replays import InputRun, RecordedStep, Replay, Replays, UndisturbedRun
from pytest_flink_agents.run.action_topic import BACKEND, SERVERS
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.java_parts import asked_with_java
from pytest_flink_agents.run.launch import refused
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject, Subject
from pytest_flink_agents.run.worker_agent import BUILD_S, MARGIN_S, inputs_of
from pytest_flink_agents.scenario.scrub import ScrubPath, scrubbed
from pytest_flink_agents.vocabulary import Engine, Tier

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun

# A replay takes a hundredth of a second and the time of the agent's own work.
_MAX_POINTS = 1000
_REPLAYS_S = 300.0
REPLAYED_TIERS = (Tier.LOCAL, Tier.EMBEDDED, Tier.CONTAINER)


def unreplayed_place(tier: Tier, engine: Engine) -> str:
    """Return why no inputs are replayed on a tier with an engine, empty if they are."""
    if tier not in REPLAYED_TIERS:
        return f"the tier {tier.value}, on which nothing is replayed"
    if tier is not Tier.LOCAL and engine is not Engine.BUNDLED:
        return f"the engine {engine.value}, whose actions cannot be abandoned"
    return ""


def has_action_store(config: Mapping[str, Any]) -> bool:
    """Return whether options name an action state store."""
    return config.get(BACKEND) is not None


def without_unnamed_store(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without a store whose brokers they do not name.

    They are those of a run that is replayed. It ends without a crash, and its replays keep the
    action state in memory.
    """
    return {name: value for name, value in config.items() if name != BACKEND or SERVERS in config}


def replay_in_worker(subject: Subject, channel: Channel, place: Place, *, with_store: bool, run_s: float) -> Replays:
    """Replay an agent's inputs; one run may take ``run_s``.

    The answer is unknown, with the reason, if the process of the replays died. Raises
    ``AgentRefusedError`` for an agent that cannot be built.
    """
    if not isinstance(subject, AgentSubject):
        raise ValueError("only the inputs of an agent can be replayed")
    seed = subject.seed or 0
    deadline_s = run_s + _REPLAYS_S

    def replay(config: Mapping[str, Any]) -> dict[str, Any]:
        return place.environment.worker().request(
            "replay",
            timeout_s=BUILD_S + deadline_s + MARGIN_S,
            agent_spec=subject.spec,
            config=config,
            **inputs_of(channel, place),
            environment=dict(subject.environment),
            network=subject.network.fields(place.events) if subject.network else None,
            with_store=with_store,
            max_points=_MAX_POINTS,
            seed=seed,
            run_s=run_s,
            deadline_s=deadline_s,
        )

    try:
        reply = asked_with_java(replay, dict(subject.config), place.environment)
    except RefusedError as error:
        if error.kind != "replay":
            raise refused(error) from error
        return Replays(seed=seed, with_store=with_store, unknown=error.message)
    return Replays(
        undisturbed=tuple(map(_undisturbed, reply["undisturbed"])),
        replays=tuple(map(_replay, reply["replays"])),
        points=reply["points"],
        seed=seed,
        with_store=with_store,
        unknown=reply["problem"],
    )


def with_calls(replays: Replays, ledger: LedgerRun | None) -> Replays:
    """Return the replays with the calls of runs that have ended; unchanged without a ledger."""
    if ledger is None:
        return replays
    history = ledger.history
    return replace(replays, calls=history.entries, unknown=replays.unknown or history.unknown)


def scrubbed_replays(replays: Replays, paths: Sequence[ScrubPath]) -> Replays:
    """Return the replays with outputs, events, memory and bodies of calls as they are compared.

    Paths lead through outputs; keys are removed everywhere.
    """
    keys = [path for path in paths if not path.steps]
    return replace(
        replays,
        calls=tuple(replace(call, body=scrubbed(call.body, keys)) for call in replays.calls),
        undisturbed=tuple(replace(one, run=_scrubbed(one.run, paths)) for one in replays.undisturbed),
        replays=tuple(replace(one, run=one.run and _scrubbed(one.run, paths)) for one in replays.replays),
    )


def _scrubbed(run: InputRun, paths: Sequence[ScrubPath]) -> InputRun:
    keys = [path for path in paths if not path.steps]
    return replace(
        run,
        outputs=tuple(scrubbed(output, paths) for output in run.outputs),
        events=tuple((kind, scrubbed(attributes, keys)) for kind, attributes in run.events),
        memory={path: scrubbed(value, keys) for path, value in run.memory.items()},
    )


def recorded_steps(data: Sequence[Mapping[str, Any]]) -> tuple[RecordedStep, ...]:
    """Return the steps of one input that the runtime observed."""
    return tuple(RecordedStep(**step) for step in data)


def input_run(data: Mapping[str, Any]) -> InputRun:
    """Return the run of one input that the runtime observed."""
    return InputRun(
        outputs=tuple(data["outputs"]),
        events=tuple((kind, attributes) for kind, attributes in data["events"]),
        memory=data["memory"],
        failure=data["failure"] or "",
    )


def _undisturbed(data: Mapping[str, Any]) -> UndisturbedRun:
    return UndisturbedRun(data["input"], data["key"], recorded_steps(data["steps"]), input_run(data["run"]))


def _replay(data: Mapping[str, Any]) -> Replay:
    run = data["run"]
    return Replay(data["attempt"], data["input"], data["after"], run and input_run(run), data["problem"])
