"""An agent's metrics among those of a vertex, and a REST that does not always answer."""

from __future__ import annotations

import itertools
from typing import Any, cast

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import Problem
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import RestClient
from flink_testbed.flink.rest_connection import RestUnavailableError
from pytest_flink_agents.evidence.model import Checkpoint, Checkpoints
from pytest_flink_agents.run.watch.agent_metrics import agent_metric_names, agent_metrics
from pytest_flink_agents.run.watch.jobs import JobWatch, wait_for_ends

VERTEX = {
    "0.action-execute-operator.numOfEventProcessed": "5",
    "1.action-execute-operator.numOfEventProcessed": "7",
    "0.action-execute-operator.action.add.numOfActionsExecuted": "2",
    "0.action-execute-operator.inputRunLatencyMs": "13",
    "1.action-execute-operator.inputRunLatencyMs": "11",
    "0.action-execute-operator.model": "text",
    "0.outputs__Writer.numRecordsOut": "9",
    "0.numRecordsIn": "3",
}


def test_subtasks_of_the_operator_that_counts_events_are_added_up() -> None:
    assert agent_metrics(VERTEX) == {
        "numOfEventProcessed": 12,
        "action.add.numOfActionsExecuted": 2,
        "inputRunLatencyMs": 13,
    }


def test_a_named_operator_needs_no_count_of_events() -> None:
    assert agent_metrics(VERTEX, "outputs__Writer") == {"numRecordsOut": 9}


def test_a_vertex_without_an_agent_has_none() -> None:
    assert agent_metrics({"0.Map.numRecordsIn": "3", "0.numRecordsIn": "3"}) == {}


def test_only_an_agents_metrics_are_asked_for() -> None:
    assert agent_metric_names(VERTEX).keys() == VERTEX.keys() - {"0.outputs__Writer.numRecordsOut", "0.numRecordsIn"}


class Silent:
    """A cluster whose REST does not always answer: an empty answer is silence."""

    def __init__(self, answers: list[str]) -> None:
        self._answers = answers
        self.rest = self

    def require_alive(self) -> None:
        pass

    def job_state(self, job_id: str) -> str:
        answer = self._answers.pop(0)
        if not answer:
            raise RestUnavailableError(Problem("FA404", "no answer from Flink's REST"))
        return answer


def watch_of(answers: list[str], monkeypatch: pytest.MonkeyPatch, *, each_s: float) -> JobWatch:
    """Return a watch whose clock advances by ``each_s`` at every look at it."""
    times = itertools.count(1000.0, each_s)
    monkeypatch.setattr(clock, "now_s", lambda: next(times))
    return JobWatch(cast(FlinkCluster, Silent(answers)), "a job")


def test_a_short_silence_of_rest_keeps_the_last_state(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watch_of(["", "", "FINISHED"], monkeypatch, each_s=1.0)
    for state in ("unknown", "unknown", "FINISHED"):
        watch.look()
        assert watch.state == state


def test_a_long_silence_of_rest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watch_of(["", ""], monkeypatch, each_s=12.0)
    watch.look()
    with pytest.raises(RestUnavailableError, match="FA404"):
        watch.look()


class Remembering:
    """A cluster that remembers the last completed checkpoint only, a savepoint."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)
        self.rest = self

    def checkpoints(self, job_id: str) -> dict[str, Any]:
        return self._answers.pop(0)

    def call(self, method: str, path: str, params: object = None) -> list[dict[str, object]]:
        return []

    def metrics(self, job_id: str, choose: object) -> dict[str, dict[str, str]]:
        return {}

    def exceptions(self, job_id: str) -> list[dict[str, object]]:
        return []

    rest_url = "http://127.0.0.1:1"


def completed(number: int, at_ms: int, *, savepoint: bool = False) -> dict[str, object]:
    return {"id": number, "status": "COMPLETED", "latest_ack_timestamp": at_ms, "is_savepoint": savepoint}


def test_checkpoints_that_flink_forgets_are_seen_while_the_job_runs() -> None:
    first = {"counts": {"completed": 1, "failed": 0, "restored": 0}, "history": [completed(2, 1_500)]}
    failed = {"id": 4, "status": "FAILED", "latest_ack_timestamp": -1, "is_savepoint": False}
    last = {
        "counts": {"completed": 3, "failed": 1, "restored": 1},
        "latest": {"restored": {"id": 2, "restore_timestamp": 2_500}},
        "history": [failed, completed(3, 1_750, savepoint=True)],
    }
    watch = JobWatch(cast(FlinkCluster, Remembering(first, last)), "a job")
    watch._sample()
    seen = (Checkpoint(2, 1.5), Checkpoint(3, 1.75, savepoint=True))
    assert watch.history()["checkpoints"] == Checkpoints(3, 1, 1, seen, 2.5)


def test_a_job_without_checkpoints_has_none() -> None:
    none: dict[str, object] = {"counts": {"completed": 0, "failed": 0, "restored": 0}, "latest": {"restored": None}}
    assert JobWatch(cast(FlinkCluster, Remembering(none)), "a job").history()["checkpoints"] == Checkpoints()


def restored(path: str = "", number: int = 1) -> dict[str, object]:
    """Return what REST shows of a job that has restored ``number`` times, the last time from ``path``."""
    latest = {"id": 2, "restore_timestamp": 2_500, "external_path": path} if number else None
    return {"counts": {"completed": 0, "failed": 0, "restored": number}, "latest": {"restored": latest}}


class Interrupted(Remembering):
    """A cluster whose REST fails where its answer is empty."""

    def checkpoints(self, job_id: str) -> dict[str, Any]:
        answer = super().checkpoints(job_id)
        if not answer:
            raise RestUnavailableError(Problem("FA404", "no answer from Flink's REST"))
        return answer


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        ([{}, restored("s")], "s"),
        ([restored("s"), restored("c", 2)], "s"),
        ([restored(number=0), restored("c")], ""),
        ([{}, restored("c", 2)], None),
        ([restored()], None),
        ([{}], None),
    ],
    ids=["a later look", "a restart", "a fresh start", "too late", "no path", "silence"],
)
def test_what_a_job_restored_first_is_what_any_look_has_seen(answers: list[dict[str, Any]], seen: str | None) -> None:
    watch = JobWatch(cast(FlinkCluster, Interrupted(*answers)), "a job")
    watch.started = True
    for _ in answers:
        watch.look_for_restore()
    assert watch.restored == seen


def test_a_job_may_still_restore_something_before_its_start() -> None:
    watch = JobWatch(cast(FlinkCluster, Interrupted(restored(number=0))), "a job")
    watch.look_for_restore()
    assert watch.restored is None


class Shown:
    """A cluster that shows the parallelisms of a job's vertices."""

    def __init__(self, *parallelisms: int) -> None:
        self.rest = self
        self._vertices = [{"parallelism": each} for each in parallelisms]

    def job(self, job_id: str) -> dict[str, Any]:
        return {"vertices": self._vertices}


@pytest.mark.parametrize(("shown", "known"), [((1, 3, 3), 3), ((), 0)])
def test_the_parallelism_is_that_of_the_widest_vertex_if_flink_shows_any(shown: tuple[int, ...], known: int) -> None:
    assert JobWatch(cast(FlinkCluster, Shown(*shown)), "job").parallelism() == known


class Ending:
    """A machine with a cluster whose clock is an hour ahead. Each look takes ``look_s``; the job ends at ``ends_s``.

    ``dated`` is False for a cluster that never shows when; it shows it from the second request on.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *,
        look_s: float,
        ends_s: float,
        state: str = "FINISHED",
        dated: bool = True,
    ) -> None:
        self.now_s, self._look_s, self._ends_s, self._state, self._dated = 100.0, look_s, 100.0 + ends_s, state, dated
        self._requests = 0
        self.rest = RestClient.__new__(RestClient)
        self.rest.call = self._call  # type: ignore[method-assign]
        monkeypatch.setattr(clock, "now_s", lambda: self.now_s)
        monkeypatch.setattr(clock, "pause", self._pass)

    def require_alive(self) -> None:
        pass

    def _pass(self, seconds: float) -> None:
        self.now_s += seconds

    def _call(self, method: str, path: str, **more: object) -> object:
        if path.endswith("/metrics"):
            return []
        if method == "PATCH":
            return {}
        if not path.endswith("/status"):
            self._requests += 1
            ended = self._dated and self._requests > 1
            ahead_s = 3600.0
            return {
                "end-time": round((self._ends_s + ahead_s) * 1000) if ended else -1,
                "now": round((self.now_s + ahead_s) * 1000),
            }
        state = self._state if self.now_s >= self._ends_s else "RUNNING"
        self._pass(self._look_s)
        return {"status": state}


@pytest.mark.parametrize("state", ["FINISHED", "FAILED"])
@pytest.mark.parametrize(
    ("look_s", "ends_s", "dated", "in_time"),
    [
        (0.1, 4.0, False, True),
        (9.0, 2.0, True, True),
        (9.0, 8.0, True, False),
        (9.0, 2.0, False, False),
        (0.1, 60.0, True, False),
    ],
    ids=["seen in time", "seen late", "ended late", "not dated", "runs on"],
)
def test_a_job_that_was_seen_to_end_late_is_in_time_if_flink_says_so(
    look_s: float, ends_s: float, dated: bool, in_time: bool, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Ending(monkeypatch, look_s=look_s, ends_s=ends_s, state=state, dated=dated)
    watch = JobWatch(cast(FlinkCluster, cluster), "a job")
    monkeypatch.setattr(watch, "_sample", lambda: None)
    assert wait_for_ends([watch], 5.0) is in_time


@pytest.mark.parametrize(("look_s", "in_time"), [(0.1, True), (9.0, False)])
def test_nothing_dates_outputs_that_were_seen_after_the_deadline(
    look_s: float, in_time: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Ending(monkeypatch, look_s=look_s, ends_s=60.0)
    watch = JobWatch(cast(FlinkCluster, cluster), "a job")
    monkeypatch.setattr(watch, "_sample", lambda: None)
    assert wait_for_ends([watch], 5.0, lambda: cluster.now_s > 102.0) is in_time


def test_a_cancelled_job_that_ends_late_holds_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Ending(monkeypatch, look_s=20.0, ends_s=18.0)
    watch = JobWatch(cast(FlinkCluster, cluster), "a job")
    monkeypatch.setattr(watch, "_sample", lambda: None)
    assert watch.cancel()
