"""The steps of a candidate beside a baseline, on channels and jobs that only count and answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, JobError, Problem
from flink_testbed.faults import FaultTarget
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.ledger.entry import EffectCall, History
from flink_testbed.ledger.ledger import LedgerRun
from flink_testbed.ledger.recording import HELD_BACK
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.evidence.upgrade import STOP
from pytest_flink_agents.provision.session_clusters import CLUSTER_ABANDONED, PROCESS_DIED
from pytest_flink_agents.run import promotion
from pytest_flink_agents.run.followed_run import FollowedRun
from pytest_flink_agents.run.health import GivenUpError
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.promotion import Promotion, ShadowTask
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.settling import SETTLED_S, SILENT_S
from pytest_flink_agents.run.shadow_channel import ShadowChannel
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import ActResult, AfterOutputs, Step, TimelineRun
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.run.watch.jobs import JobHistory

STEPS = ["savepoint", "start", "shadow", "switch"]


class Served:
    """The channel of the baseline, and that of the shadow."""

    def __init__(self, outputs: Sequence[Output] = ()) -> None:
        self.sent_rest = 0
        self.read = tuple(outputs)

    def send_rest(self) -> None:
        self.sent_rest += 1

    def outputs(self) -> tuple[Output, ...]:
        return self.read

    in_shadow = unserved = outputs

    def serve(self) -> int:
        return len(self.read)


class Job:
    """A job that can be cancelled."""

    def __init__(self, *, ends: bool = True, dies: HostError | None = None) -> None:
        self.cancelled = 0
        self._dies = dies
        self.watch = self
        self._ends = ends

    def look(self) -> None:
        if self._dies:
            raise self._dies

    def abandon_blocked_cluster(self) -> None:
        self.abandoned = True

    def cancel(self) -> bool:
        self.cancelled += 1
        return self._ends


class Rehearsed:
    """A promotion whose moves do nothing, unless the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, wanted: str = "", fails: dict[str, Exception] | None = None):
        self.moves: list[str] = []
        self.served = Served()
        self.fails = fails or {}
        for word in STEPS:
            name = {"savepoint": "_save", "start": "_start", "shadow": "_judge", "switch": "_switch"}[word]
            monkeypatch.setattr(Promotion, name, self._move(word))
        task = ShadowTask(range(4, 8), 1, (), 60.0, wanted)
        version = RunVersion("candidate", AgentSubject("s", {"agent": "a:V2"}), cast(Place, None))
        self.promotion = Promotion(version, cast(TopicChannel, self.served), task, None)
        self.job = Job()
        self.promotion.run = cast(FollowedRun, self.job)
        self.steps: tuple[Step, ...] = self.promotion.steps(AfterOutputs(2))
        self.timeline = TimelineRun(self.steps, FaultTarget(cast(FlinkCluster, None), "j"), lambda: 2, frozenset)

    def _move(self, word: str):  # type: ignore[no-untyped-def]
        def move(promotion: Promotion, target: FaultTarget) -> ActResult:
            self.moves.append(word)
            if word in self.fails:
                raise self.fails[word]
            return ActResult(True, "done")

        return move

    def run(self) -> None:
        for _ in range(9):
            self.timeline.advance()


def test_the_steps_follow_each_other_and_name_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Rehearsed(monkeypatch)
    one.run()
    assert one.moves == STEPS
    texts = [str(step.act) for step in one.steps]
    assert texts[2] == "judge the candidate in its shadow by the inputs from offset 4 to 8"
    assert texts[3] == f"{STOP}candidate, which serves from offset 8"
    assert [str(step.trigger) for step in one.steps] == ["after 2 outputs", "then", "then", "then"]
    assert one.served.sent_rest == one.job.cancelled == 0


@pytest.mark.parametrize(
    ("error", "reason", "known"),
    [
        (GivenUpError("it differs"), "it differs", True),
        (GivenUpError("no word", known=False), "no word", False),
        (JobError(Problem("FA220", "no agent")), "no agent", True),
        (HostError(Problem("FA442", "no savepoint")), "no savepoint", False),
    ],
)
@pytest.mark.parametrize("word", STEPS)
def test_after_each_step_that_fails_the_baseline_gets_all_other_inputs(
    word: str, error: Exception, reason: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Rehearsed(monkeypatch, fails={word: error})
    one.run()
    assert one.moves == STEPS[: STEPS.index(word) + 1], "no later step is performed"
    found = one.promotion.outcome
    assert (found.step, found.reason, found.known, found.served) == (word, reason, known, False)
    assert (one.served.sent_rest, one.job.cancelled) == (1, 1)
    records = one.timeline.records(restored=0)
    assert len(records) == len(one.moves), "later steps are not missing"
    assert records[-1].felt is known


def test_a_candidate_that_cannot_be_cancelled_makes_no_further_step(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Rehearsed(monkeypatch, fails={"start": GivenUpError("it fails")})
    job = Job(ends=False)
    one.promotion.run = cast(FollowedRun, job)
    one.run()
    assert one.moves == ["savepoint", "start"]
    assert [record.felt for record in one.timeline.records(restored=0)] == [True, True]
    one.promotion.end()
    assert (job.abandoned, job.cancelled, one.served.sent_rest) == (True, 1, 1)


def test_giving_a_candidate_up_that_cannot_be_cancelled_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Rehearsed(monkeypatch, "shadow")
    one.promotion.run = cast(FollowedRun, Job(ends=False))
    one.run()
    found = one.promotion.outcome
    assert (found.step, found.reason, found.known) == ("shadow", "its job could not be cancelled", False)
    assert one.served.sent_rest == 1


@pytest.mark.parametrize("wanted", ["", "start"])
def test_nothing_is_known_of_a_candidate_whose_cluster_has_died(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    died = HostError(Problem(PROCESS_DIED, "a TaskManager has died"))
    one = Rehearsed(monkeypatch, wanted, fails={} if wanted else {"start": died})
    one.promotion.run = cast(FollowedRun, Job(dies=died))
    one.run()
    found = one.promotion.outcome
    assert (found.step, found.reason, found.known) == ("start", "a TaskManager has died", False)
    assert one.served.sent_rest == 1


def test_a_candidate_that_differed_before_its_cluster_died_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Rehearsed(monkeypatch, fails={"shadow": GivenUpError("it differs")})
    one.promotion.run = cast(FollowedRun, Job(dies=HostError(Problem(PROCESS_DIED, "a TaskManager has died"))))
    one.run()
    assert (one.promotion.outcome.reason, one.promotion.outcome.known) == ("it differs", True)


def test_the_baseline_gets_all_other_inputs_though_its_candidate_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Rehearsed(monkeypatch, fails={"start": GivenUpError("it fails")})
    one.promotion.run = cast(FollowedRun, Job(dies=HostError(Problem(CLUSTER_ABANDONED, "another run ended it"))))
    with pytest.raises(HostError, match="another run ended it"):
        one.promotion._guarded("start", one.promotion._start)(FaultTarget(cast(FlinkCluster, None), "j"))
    assert one.served.sent_rest == 1


class Ledger:
    """The calls of a run, of which the last ones come after a move."""

    shadow: Ledger | None = None

    def __init__(self, *calls: EffectCall) -> None:
        self.calls = list(calls)
        self.released = 0

    def so_far(self) -> History:
        return History(tuple(self.calls))

    def waiting(self) -> int:
        return 0

    def release(self) -> None:
        self.released += 1


class Switched:
    """A candidate that was judged by the inputs 4 to 7, and serves.

    ``histories`` are those of the baseline that are read at the switch; later ones are refused.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, histories: Sequence[JobHistory] = (JobHistory(),) * 4) -> None:
        read = iter(histories)
        monkeypatch.setattr(promotion, "JobWatch", lambda cluster, job_id: SimpleNamespace(history=lambda: _next(read)))
        now_s = [100.0]
        monkeypatch.setattr(clock, "now_s", lambda: now_s[0])
        monkeypatch.setattr(clock, "pause", lambda seconds: now_s.__setitem__(0, now_s[0] + 0.5))
        monkeypatch.setattr(Promotion, "_require_health", lambda self, target: None)
        outputs = [Output("k", number, number) for number in range(8)]
        self.shown = Served(outputs[4:])
        calls = [call(number) for number in range(8)]
        self.served, self.held = Ledger(*calls), Ledger(*calls[4:])
        self.served.shadow = self.held
        version = RunVersion("candidate", AgentSubject("s", {"agent": "a:V2"}), cast(Place, None))
        channel, ledger = cast(TopicChannel, Served(outputs)), cast(LedgerRun, self.served)
        self.promotion = Promotion(version, channel, ShadowTask(range(4, 8), 1, (), 600.0), ledger)
        self.promotion._shadow = cast(ShadowChannel, self.shown)
        target = FaultTarget(cast(FlinkCluster, self), "j")
        self.promotion._judge(target)
        self.promotion._switch(target)
        assert self.held.released == 1

    def savepoint(self, job_id: str, *, stop: bool, timeout_s: float) -> str:
        return "file:/savepoint"

    def found(self) -> list[tuple[str, str]]:
        self.promotion.look_at_late_work()
        return [(one.place, one.candidate) for one in self.promotion.outcome.differences]


def _next(histories: Iterator[JobHistory]) -> JobHistory:
    for history in histories:
        return history
    raise HostError(Problem("FA404", "REST does not answer"))


@pytest.mark.parametrize("read", [1, 2])
def test_the_history_of_the_baseline_is_the_last_one_that_its_cluster_showed(
    read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories = [JobHistory(restarts=0), JobHistory(restarts=0, job_id="j")]
    one = Switched(monkeypatch, histories[:read])
    assert one.promotion.outcome.served, "a cluster that was lost after the savepoint changes nothing"
    assert one.promotion.history == histories[read - 1]


@pytest.mark.parametrize(
    ("state", "left"),
    [
        ("RUNNING", "the baseline was not stopped, and runs on"),
        ("FINISHED", "the baseline is finished; no savepoint"),
        ("FAILING", "the baseline is failing; no savepoint"),
    ],
)
def test_a_switch_that_flink_refuses_says_what_became_of_the_baseline(
    state: str, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Switched(monkeypatch)
    refuses = RefusingCluster(state, tmp_path)
    with pytest.raises(GivenUpError, match=f"no savepoint was written; {left}") as caught:
        one.promotion._switch(FaultTarget(cast(FlinkCluster, refuses), "j"))
    assert not caught.value.known


class RefusingCluster:
    """A cluster that stops no job, which is in this state."""

    def __init__(self, state: str, directory: Path) -> None:
        self.rest = self.processes = self
        self.directory = directory
        self._state = state

    def savepoint(self, job_id: str, *, stop: bool, timeout_s: float) -> str:
        raise HostError(Problem("FA442", "no savepoint was written"))

    def job_state(self, job_id: str) -> str:
        return self._state


def call(number: int | None, body: str = "tea", fault: str = "") -> EffectCall:
    route = ("kitchen", "POST /t", "POST", "/t")
    return EffectCall(1, 0.0, "effects", *route, key="k", input=number, body=body, status=200, fault=fault)


def test_what_a_candidate_does_with_the_inputs_from_the_offset_on_is_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = Switched(monkeypatch)
    one.served.calls += [call(8), call(9)]
    assert one.found() == []


def test_a_call_that_was_refused_after_the_judgement_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Switched(monkeypatch)
    one.held.calls += [call(7, "milk", HELD_BACK)]
    (difference,) = one.found()
    assert difference[0] == "effect of kitchen"
    assert "milk" in difference[1]


def test_a_call_in_earnest_for_an_input_before_the_offset_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Switched(monkeypatch)
    one.served.calls += [call(8), call(7, "milk"), replace(call(7), source="llm")]
    (difference,) = one.found()
    assert "milk" in difference[1]


def test_an_output_that_came_between_judgement_and_switch_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Switched(monkeypatch)
    one.shown.read = (*one.shown.read, Output("k", "late", 7))
    assert one.found() == [("output", '"late"')]


@pytest.mark.parametrize("wanted", STEPS[:3])
def test_a_candidate_is_given_up_on_purpose_after_the_wanted_step(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Rehearsed(monkeypatch, wanted)
    one.run()
    assert one.moves == STEPS[: STEPS.index(wanted) + 1]
    found = one.promotion.outcome
    assert (found.step, found.wanted, found.reason) == (wanted, wanted, "")
    assert (one.served.sent_rest, one.job.cancelled) == (1, 1)


@pytest.mark.parametrize(
    ("served", "shown", "reason"),
    [
        (range(8), range(4, 8), ""),
        (range(8), range(3, 8), ""),
        (range(8), range(4, 7), "1 difference from the baseline"),
        (range(7), range(4, 8), "the baseline itself has 7 of 8 outputs"),
        ((*range(8), 7), (*range(4, 8), 7), ""),
    ],
    ids=["the same", "in flight", "missing", "the baseline lacks one", "both too many"],
)
def test_a_candidate_is_judged_once_both_versions_are_quiet(
    served: Sequence[int], shown: Sequence[int], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(clock, "now_s", lambda: now_s[0])
    monkeypatch.setattr(clock, "pause", lambda seconds: now_s.__setitem__(0, now_s[0] + 0.5))
    monkeypatch.setattr(Promotion, "_require_health", lambda self, target: None)
    channel, shadow = (Served([Output("k", number, number) for number in numbers]) for numbers in (served, shown))
    version = RunVersion("candidate", AgentSubject("s", {"agent": "a:V2"}), cast(Place, None))
    task = ShadowTask(range(4, 8), 1, (), 600.0)
    one = Promotion(version, cast(TopicChannel, channel), task, None)
    one._shadow = cast(ShadowChannel, shadow)
    target = FaultTarget(cast(FlinkCluster, None), "j")
    if reason:
        with pytest.raises(GivenUpError, match=reason):
            one._judge(target)
    else:
        assert one._judge(target).felt
    full = len(served) >= 8 and len(shown) >= 4
    assert now_s[0] - 100.0 == pytest.approx(SETTLED_S if full else SILENT_S, abs=2.0)
