"""A run of an agent in the worker of the local tier, one version after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flink_testbed.core import clock
from flink_testbed.responder import RefusedError
from pytest_flink_agents.evidence.event_log import read_event_logs
from pytest_flink_agents.evidence.job_failure import failure_of
from pytest_flink_agents.evidence.metrics import merged
from pytest_flink_agents.evidence.model import Evidence, LogError, MemoryOfKey, StepRecord
from pytest_flink_agents.evidence.network import read_blocked
from pytest_flink_agents.evidence.unfinished import still_waiting
from pytest_flink_agents.evidence.upgrade import Upgrade, Version
from pytest_flink_agents.provision.flink_setup import rows_as_data
from pytest_flink_agents.run.channel import Channel, MemoryChannel
from pytest_flink_agents.run.executed_plan import digest_together, executed_plan_digest
from pytest_flink_agents.run.java_parts import asked_with_java
from pytest_flink_agents.run.launch import config_evidence, logged_in_full, named_failure, refused
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.records import agent_output
from pytest_flink_agents.run.reply_pipes import answered
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject, described
from pytest_flink_agents.run.timeline import AfterOutputs, Step, SwitchVersion
from pytest_flink_agents.run.versions import RunVersions, plans_of, refused_as, versions_of
from pytest_flink_agents.vocabulary import Engine, UpgradeMode

# Importing the user's modules and building the plan do not count as the run's time.
BUILD_S = 60.0
# A run that missed its deadline still needs a moment to report it.
MARGIN_S = 10.0
_INLINE_INPUTS = 10_000
_LOGGED_BY = "the agent's process"


def run_agent(
    subject: AgentSubject, channel: Channel, place: Place, timeline: Sequence[Step], deadline_s: float
) -> Evidence:
    """Run an agent, and after each switch of the timeline the next version of it.

    A version stops after the outputs that its switch waits for, whatever is in flight, and the next one begins with
    the states of its keys.
    """
    started_s = clock.now_s()
    versions = versions_of(subject, place, timeline)
    plans = plans_of(versions)
    switches = [step for step in timeline if isinstance(step.act, SwitchVersion)]
    run = _WorkerRun(channel, place, deadline_s)
    for number, version in enumerate(versions.started):
        if not run.version(version, switches[number] if number < len(switches) else None):
            break
    evidence = run.evidence(versions.started[len(run.replies) - 1], clock.now_s() - started_s)
    if not versions.started[0].name:
        return evidence
    return replace(
        evidence,
        steps=run.steps(switches),
        upgrade=Upgrade(run.started(versions), len(versions.started), *plans, stateless=versions.stateless),
    )


class _WorkerRun:
    """The replies of the worker to one run, one for each version."""

    def __init__(self, channel: Channel, place: Place, deadline_s: float) -> None:
        self._channel = channel
        self._place = place
        self._deadline_s = deadline_s
        self._steps: list[StepRecord] = []
        self.replies: list[dict[str, Any]] = []

    def version(self, version: RunVersion, switch: Step | None) -> bool:
        """Run a version until it ends, or until its switch; return whether the next one may begin."""
        stop: dict[str, Any] | None = None
        if switch and isinstance(switch.act, SwitchVersion) and isinstance(switch.trigger, AfterOutputs):
            switch.act.write()
            keeps_states = switch.act.mode is not UpgradeMode.STATELESS
            stop = {"outputs": switch.trigger.count, "keeps_states": keeps_states}
        with refused_as(version.name):
            reply = self._reply(version, stop)
        self.replies.append(reply)
        if switch is None or reply["handover"] is None:
            return False
        assert isinstance(switch.act, SwitchVersion)
        switch.act.write()
        ended_s, state = clock.wall_time_s(), _states(len(reply["handover"]["states"]))
        self._steps += [
            StepRecord(
                str(switch.trigger),
                str(switch.act),
                reply["elapsed_s"],
                felt=True,
                detail=state,
                interrupted=switch.act.mode is not UpgradeMode.STATELESS,
                began_s=ended_s,
                ended_s=ended_s,
            ),
            StepRecord(
                "at the start", f"start the {switch.act.version.name} from {state or 'no state'}", 0.0, felt=True
            ),
        ]
        return True

    def _reply(self, version: RunVersion, stop: Mapping[str, Any] | None) -> dict[str, Any]:
        subject, place, events, number = version.subject, version.place, self._place.events, len(self.replies)
        assert isinstance(subject, AgentSubject)
        handover = self.replies[-1]["handover"] if self.replies else None
        first = handover["first"] if handover else 0

        def run(config: Mapping[str, Any]) -> dict[str, Any]:
            with answered(self._channel.conversation) as held:
                return place.environment.worker().request(
                    "run",
                    timeout_s=BUILD_S + self._deadline_s + MARGIN_S,
                    agent_spec=subject.spec,
                    config=config,
                    **inputs_of(self._channel, self._place, first=first),
                    **held,
                    seed=subject.seed,
                    event_log=str(events / f"events-local-{number}.log"),
                    environment=dict(subject.environment),
                    network=subject.network.fields(events) if subject.network else None,
                    deadline_s=self._deadline_s,
                    memory=subject.reports_memory,
                    handover=handover,
                    stop=stop,
                )

        try:
            return asked_with_java(run, logged_in_full(subject.config), place.environment)
        except RefusedError as error:
            raise refused(error) from error

    def steps(self, switches: Sequence[Step]) -> tuple[StepRecord, ...]:
        """Return the records of the switches, also of those that never happened."""
        missing = switches[len(self._steps) // 2 :]
        return (*self._steps, *(StepRecord(str(step.trigger), str(step.act)) for step in missing))

    def started(self, versions: RunVersions) -> tuple[Version, ...]:
        """Return the versions that were started, each with the states that it began with."""
        given = ["", *(_states(len(reply["handover"]["states"])) for reply in self.replies if reply["handover"])]
        return tuple(
            Version(
                version.name,
                described(version.subject),
                "",
                states,
                _states(reply["restored"]) if states else "",
                runs_on=version.place.releases,
            )
            for version, states, reply in zip(versions.started, given, self.replies, strict=False)
        )

    def evidence(self, version: RunVersion, total_s: float) -> Evidence:
        """Return the evidence of all versions as that of one run; ``version`` is the last one."""
        channel, events, last, subject = self._channel, self._place.events, self.replies[-1], version.subject
        assert isinstance(subject, AgentSubject)
        late, failure = last["timed_out"], last["failure"]
        log = read_event_logs(events)
        return Evidence(
            tier=version.place.tier.value,
            flink_version=version.place.environment.release.version,
            engine=Engine.BUNDLED.value,
            outputs=tuple(
                agent_output(record, channel.inputs) for reply in self.replies for record in reply["outputs"]
            ),
            input_keys=channel.input_keys,
            held_inputs=channel.conversation.held() if channel.conversation else (),
            events=log.events,
            events_unknown=log.unknown,
            failure=named_failure(failure_of(failure), subject) if failure else None,
            complete=late is None,
            timed_out_after_s=self._deadline_s if late else None,
            job_state="FAILED" if failure else "RUNNING" if late else "FINISHED",
            config=config_evidence(last["config"], subject, version.place.setup),
            flink_config=rows_as_data(version.place.setup.rows),
            metrics=merged([reply["metrics"] for reply in self.replies]) or None,
            metrics_final=late is None,
            memory=_memory(last) if late is None and not failure else None,
            timings_s={"run": sum(reply["elapsed_s"] for reply in self.replies), "total": total_s},
            log_tail=still_waiting(subject.spec["agent"], late["waiting_on"]) if late else "",
            log_errors=tuple(error for reply in self.replies for error in log_errors_of(reply)),
            printed="".join(reply["output"] for reply in self.replies),
            blocked=read_blocked(events),
            files={"events": str(events)},
            seed=subject.seed,
            plan_digest=digest_together([_plan_digest(reply, subject) for reply in self.replies]),
        )


def _plan_digest(reply: Mapping[str, Any], subject: AgentSubject) -> str | None:
    """Return the digest of the plan that was executed; an agent that ended its process has sent none."""
    return executed_plan_digest(reply["plan_text"], subject.addresses) if "plan_text" in reply else None


def inputs_of(channel: Channel, place: Place, *, first: int = 0) -> dict[str, Any]:
    """Return the fields of a request that state its inputs, from the ``first`` one on.

    Many inputs go through a file, which the worker reads as it runs, so that neither process holds
    all of them.
    """
    written = channel.written if isinstance(channel, MemoryChannel) else len(channel.inputs)
    numbers = range(first, written)
    if len(numbers) <= _INLINE_INPUTS:
        return {"inputs": [channel.inputs[number] for number in numbers]}
    path = place.directory / "inputs.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(channel.inputs[number]) + "\n" for number in numbers)
    return {"inputs_file": str(path)}


def log_errors_of(reply: Mapping[str, Any]) -> tuple[LogError, ...]:
    """Return the errors that a process of the worker logged."""
    return tuple(LogError(_LOGGED_BY, error["line"], error["detail"]) for error in reply["log_errors"])


def _states(count: int) -> str:
    """Return the states of keys in words, empty for none."""
    return "the state of 1 key" if count == 1 else f"the states of {count} keys" if count else ""


def _memory(reply: Mapping[str, Any]) -> tuple[MemoryOfKey, ...] | None:
    listed = reply["memory"]
    return None if listed is None else tuple(MemoryOfKey(one["key"], one["values"]) for one in listed)
