"""A candidate that is alive beside the baseline: from the savepoint that it starts from to its release, or its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, JobError, ProblemError
from flink_testbed.faults import FaultTarget
from flink_testbed.ledger.entry import History
from flink_testbed.ledger.recording import HELD_BACK
from flink_testbed.responder import RefusedError
from pytest_flink_agents.compare.shadow import ShadowSide, compare_shadow, late_calls, late_outputs
from pytest_flink_agents.compare.sides import AllowRule
from pytest_flink_agents.evidence.upgrade import BASELINE, FROM_OFFSET, START_BESIDE, STOP, BlueGreen, Version
from pytest_flink_agents.provision.session_clusters import PROCESS_DIED
from pytest_flink_agents.run.followed_run import FollowedRun
from pytest_flink_agents.run.health import GivenUpError, require_health
from pytest_flink_agents.run.launch import launch_agent, refused
from pytest_flink_agents.run.paced import Paced
from pytest_flink_agents.run.restore_point import after_refusal
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.savepoint_copy import COPY, detached_copy
from pytest_flink_agents.run.settling import Settling
from pytest_flink_agents.run.shadow_channel import ShadowChannel
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import ActResult, AtStart, MoveBeside, StartFromSavepoint, Step, Then, Trigger
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.run.watch.jobs import JobHistory, JobWatch
from pytest_flink_agents.run.watch.logs import LogWatch
from pytest_flink_agents.vocabulary import counted

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun

SAVEPOINT, START, SHADOW, SWITCH = "savepoint", "start", "shadow", "switch"
_START_S = _SAVEPOINT_S = 60.0


@dataclass(frozen=True, slots=True)
class ShadowTask:
    """The inputs by which a candidate is judged, and how.

    ``inputs`` are their numbers, each of which leads to ``per_input`` outputs. ``wanted`` is the step after which the
    candidate is given up on purpose, empty for none. Waiting for outputs ends after ``within_s``.
    """

    inputs: range
    per_input: int
    rules: Sequence[AllowRule]
    within_s: float
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Move(MoveBeside):
    """One step of a promotion."""

    promotion: Promotion


class Promotion:
    """A candidate beside the baseline. ``outcome`` says how far it came, ``run`` is its job, None before its start.

    ``ledger`` records the effects of the baseline, and holds those of the candidate back; None without endpoints.
    """

    def __init__(
        self, candidate: RunVersion, channel: TopicChannel, task: ShadowTask, ledger: LedgerRun | None
    ) -> None:
        assert isinstance(candidate.subject, AgentSubject), "only agents have versions"
        self.candidate, self._subject = candidate, candidate.subject
        self.channel = channel
        self._task = task
        self._ledger = ledger
        self.outcome = BlueGreen(task.inputs.start, task.inputs.stop, task.wanted)
        self.copy = ""
        self._shadow: ShadowChannel | None = None
        self.run: FollowedRun | None = None
        # The last history of the baseline that was read.
        self.history = JobHistory()
        self._restarts = 0
        # The numbers of the candidate's calls and outputs by which it was judged.
        self._judged = self._shown = 0
        # The number of calls that were made before its own ones were no longer held back.
        self._released = 0
        self._ended = False

    def steps(self, after: Trigger) -> tuple[Step, ...]:
        """Return the steps of the baseline's timeline; ``after`` is the moment of the first one."""
        first, offset, name = self.outcome.first, self.outcome.offset, self.candidate.name
        moves: dict[str, tuple[str, Callable[[FaultTarget], ActResult]]] = {
            SAVEPOINT: (f"take a savepoint for the {name}", self._save),
            START: (START_BESIDE, self._start),
            SHADOW: (f"judge the {name} in its shadow by the inputs from offset {first} to {offset}", self._judge),
            SWITCH: (f"{STOP}{name}{FROM_OFFSET}{offset}", self._switch),
        }
        steps: list[Step] = []
        for word, (text, move) in moves.items():
            steps.append(Step(Then() if steps else after, Move(text, self._guarded(word, move), self)))
            if word == self._task.wanted:
                steps.append(Step(Then(), Move(f"give the {name} up on purpose", self._give_up_on_purpose, self)))
                break
        return tuple(steps)

    @property
    def files(self) -> dict[str, str]:
        """The files with what the candidate did in its shadow, by their names in the evidence."""
        shadow = self._ledger.shadow if self._ledger else None
        return {"effects in the shadow": str(shadow.file)} if shadow else {}

    def _guarded(self, word: str, move: Callable[[FaultTarget], ActResult]) -> Callable[[FaultTarget], ActResult]:
        """Return a step that gives the candidate up if it fails; the baseline serves the other inputs then."""

        def do(target: FaultTarget) -> ActResult:
            if self.outcome.step:
                return ActResult(felt=False, detail="the candidate was given up before", gives_up=True)
            try:
                return move(target)
            except GivenUpError as error:
                reason, known = str(error), error.known
            except JobError as error:
                reason, known = error.problems[0].message, True
            except ProblemError as error:
                reason, known = error.problems[0].message, False
            self._give_up(word, reason, known=known)
            # What is known of the candidate was felt; else the step proves nothing.
            return ActResult(felt=known, detail=f"the candidate was given up: {reason}", gives_up=True)

        return do

    def _give_up_on_purpose(self, target: FaultTarget) -> ActResult:
        self._give_up(self._task.wanted, "")
        return ActResult(felt=True, detail="the baseline serves all other inputs")

    def _give_up(self, word: str, reason: str, *, known: bool = True) -> None:
        self.outcome = replace(self.outcome, step=word, reason=reason, known=known)
        try:
            self.end()
        finally:
            # Whatever becomes of the candidate, the baseline waits for them.
            self.channel.send_rest()

    def end(self) -> None:
        """Cancel the candidate's job; one that does not end loses its cluster, which no other version uses.

        Nothing is known of such a one, nor of one whose cluster has died, unless it was given up for a reason before.
        """
        if self.run is None or self._ended:
            return
        doubt = ""
        try:
            self.run.watch.look()
            if not self.run.cancel():
                self.run.abandon_blocked_cluster()
                doubt = "its job could not be cancelled"
        except HostError as error:
            if error.problems[0].code != PROCESS_DIED:
                raise
            doubt = error.problems[0].message
        self._ended = True
        if doubt and self.outcome.step and not self.outcome.reason:
            self.outcome = replace(self.outcome, reason=doubt, known=False)

    def _save(self, target: FaultTarget) -> ActResult:
        self.channel.send_portion()
        path = target.cluster.savepoint(target.job_id, timeout_s=_SAVEPOINT_S)
        # At once, for a session that is killed before its report.
        self.candidate.place.environment.progress(f"the {BASELINE} serves on; a savepoint of it is {path}")
        self._restarts = JobWatch(target.cluster, target.job_id).history()["restarts"]
        self._shadow = ShadowChannel(self.channel)
        place = self.candidate.place
        stored = Path(path.removeprefix("file://").removeprefix("file:"))
        try:
            self.copy = detached_copy(stored, place.directory / COPY, place, keeps_source=True)
        except RefusedError as error:
            raise refused(error) from error
        return ActResult(felt=True, detail=path)

    def _start(self, target: FaultTarget) -> ActResult:
        # A stream does not wait for a deployment.
        self.channel.send_portion()
        assert self._shadow is not None
        place = self.candidate.place
        cluster, logs = place.cluster, LogWatch(place.cluster)
        launch = launch_agent(self._subject, self._shadow, place, cluster, self.copy)
        start = Step(AtStart(), StartFromSavepoint(self.copy, self.candidate.name))
        self.run = FollowedRun(self._subject, self._shadow, place, cluster, launch, [start], logs)
        if not self.run.begin(_START_S):
            raise GivenUpError(f"it did not run within {_START_S:g} s, and is {self.run.watch.state}", known=False)
        self._require_health(target)
        if self.run.restored is None:
            raise GivenUpError("Flink did not say whether it restored the savepoint of the baseline", known=False)
        if Version("", "", "", self.copy, self.run.restored).began_anew:
            raise GivenUpError("it began anew: it did not restore the savepoint of the baseline")
        return ActResult(felt=True, detail=f"job {launch.job_ids[0]}")

    def _require_health(self, target: FaultTarget) -> None:
        """Raise ``GivenUpError`` if the candidate has failed or restarted, or the baseline beside it."""
        assert self.run is not None
        require_health(self.run, target, self._restarts)

    def _judge(self, target: FaultTarget) -> ActResult:
        served, shown = self._settled(target)
        if served.have < served.wanted:
            raise GivenUpError(f"the baseline itself has {served.have} of {served.wanted} outputs", known=False)
        calls, held = self._ledger.so_far() if self._ledger else None, self._held
        self._judged, self._shown = len(held.entries), len(shown.outputs)
        sides = ShadowSide(served.outputs, calls), ShadowSide(shown.outputs, held if self._ledger else None)
        found = compare_shadow(*sides, self._task.inputs, self._task.rules)
        self.outcome = replace(
            self.outcome,
            outputs=found.outputs,
            calls=found.calls,
            differences=found.differences,
            remarks=found.remarks,
        )
        if found.ahead:
            # What it did after such a refusal says nothing about it.
            raise GivenUpError("calls of it were refused that the baseline made only later", known=False)
        if found.differences:
            until = " up to its first call that the baseline did not make" if shown.differs else ""
            raise GivenUpError(f"{counted(len(found.differences), 'difference')} from the baseline{until}")
        if found.doubts:
            raise GivenUpError(found.doubts[0], known=False)
        if shown.have < shown.wanted:
            raise GivenUpError(f"it has {shown.have} of {shown.wanted} outputs")
        return ActResult(felt=True, detail=f"no difference in {found.outputs} outputs and {found.calls} effects")

    def look_at_late_work(self) -> None:
        """Add to what differs the calls and outputs of the shadow's inputs that came after the candidate was judged."""
        assert self._shadow is not None
        refused = [call for call in self._held.entries[self._judged :] if call.fault == HELD_BACK]
        served = self._ledger.so_far().entries[self._released :] if self._ledger else ()
        # No version that serves from the offset on has anything to do with an input before it.
        of_inputs = ((call.input, call) for call in served if call.source == "effects")
        early = [call for number, call in of_inputs if number is not None and number < self.outcome.offset]
        late = (*late_calls([*refused, *early]), *late_outputs(self._shadow.unserved()[self._shown :]))
        self.outcome = replace(self.outcome, differences=(*self.outcome.differences, *late))

    @property
    def _held(self) -> History:
        """The calls of the candidate that were held back; none without endpoints."""
        shadow = self._ledger.shadow if self._ledger else None
        return shadow.so_far() if shadow else History()

    def _settled(self, target: FaultTarget) -> tuple[Settling, Settling]:
        """Wait until both versions have dealt with all inputs below the offset of the switch, or have fallen silent.

        The candidate need not have outputs of the inputs before the savepoint.
        """
        assert self._shadow is not None
        inputs, per_input = self._task.inputs, self._task.per_input
        served = Settling(self.channel.outputs, range(inputs.stop), per_input)
        shown = Settling(self._shadow.in_shadow, inputs, per_input)
        paced = Paced()

        def probe() -> tuple[bool | None, str]:
            if paced.due():
                self._require_health(target)
                served.look()
                shown.at_work = bool(self._ledger and self._ledger.shadow and self._ledger.shadow.waiting())
                shown.look()
                # Each refusal takes its time, and one is enough.
                shown.differs = any(call.fault == HELD_BACK for call in self._held.entries)
            seen = f"{served.have} of {served.wanted} outputs, and {shown.have} of {shown.wanted} in the shadow"
            return (True if served.done and shown.done else None), seen

        clock.wait_until(probe, what="the outputs of both versions", timeout_s=self._task.within_s)
        return served, shown

    def _switch(self, target: FaultTarget) -> ActResult:
        self._require_health(target)
        assert self._shadow is not None
        watch = JobWatch(target.cluster, target.job_id)
        self.history = watch.history()
        # Both are idle: nothing from the offset on is written yet. So a refusal of either part leaves the baseline serving.
        start = self._shadow.serve()
        if self._ledger and self._ledger.shadow:
            self._released = len(self._ledger.so_far().entries)
            self._ledger.shadow.release()
        try:
            path = target.cluster.savepoint(target.job_id, stop=True, timeout_s=_SAVEPOINT_S)
        except HostError as error:
            left = after_refusal(target.cluster, target.job_id, BASELINE)
            raise GivenUpError(f"{error.problems[0].message}; {left}", known=False) from error
        self.outcome = replace(self.outcome, served=True, outputs_from=start, savepoint=path)
        # From here on the baseline is not needed, nor is its cluster.
        with contextlib.suppress(HostError):
            self.history = watch.history()
        # No interruption, after which a job would have to restore its state: the candidate has it since its start.
        return ActResult(felt=True, detail=path, stopped=True)
