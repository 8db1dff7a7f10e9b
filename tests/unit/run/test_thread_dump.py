"""The threads of a dump that say something about a job."""

from __future__ import annotations

from pytest_flink_agents.run.watch.threads import relevant_threads

TASK = '"action-execute-operator (1/1)#0" Id=71 RUNNABLE\n\tat pemja.core.PythonInterpreter.invoke(Native Method)\n\n'
IDLE = '"flink-pekko.actor.default-dispatcher-4" Id=30 TIMED_WAITING\n\tat java.lang.Object.wait(Native Method)\n\n'
STUCK = '"committer" Id=72 BLOCKED on java.lang.Object@1\n\tat shop.Sink.commit(Sink.java:7)\n\n'


def test_threads_of_jobs_and_blocked_threads_are_kept_whole() -> None:
    for dump in (TASK + IDLE + STUCK, IDLE + TASK + STUCK, STUCK + IDLE + TASK):
        kept = relevant_threads(dump)
        assert "pemja.core.PythonInterpreter.invoke" in kept
        assert '"committer" Id=72 BLOCKED' in kept
        assert "flink-pekko" not in kept


def test_a_dump_of_idle_threads_is_empty() -> None:
    assert relevant_threads(IDLE + IDLE) == ""
    assert relevant_threads("") == ""
