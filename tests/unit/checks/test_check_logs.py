"""ERROR lines that fail a scenario, and their explanations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.known_log_lines import KNOWN
from pytest_flink_agents.checks.logs import check_logs
from pytest_flink_agents.evidence.model import Evidence, Failure, LogError, StepRecord
from pytest_flink_agents.run.watch.logs import StartedProgram, errors_in, started_program

LINE = "2026-11-26 19:27:45,346 ERROR shop.payments [] - the card reader is on fire"
FIRE = LogError("taskmanager-0.log", LINE, "java.io.IOException: smoke")


def evidence(*errors: LogError, failure: Failure | None = None) -> Evidence:
    return Evidence("embedded", "2.2.1", "bundled", job_id="a" * 32, failure=failure, log_errors=errors)


def test_no_error_is_valid() -> None:
    assert check_logs(None, evidence()).validity is Validity.VALID
    assert check_logs(("smoke",), evidence()).validity is Validity.VALID


def test_an_unexplained_error_is_invalid() -> None:
    result = check_logs(None, evidence(FIRE))
    assert result.validity is Validity.INVALID
    assert result.findings[0].message == f"an error was logged in taskmanager-0.log: {LINE}"
    assert result.findings[0].seen == "java.io.IOException: smoke"


@pytest.mark.parametrize(
    ("pattern", "validity"), [("on fire$", Validity.VALID), ("smoke", Validity.VALID), ("water", Validity.INVALID)]
)
def test_an_allowed_pattern_is_searched_in_line_and_stack_trace(pattern: str, validity: Validity) -> None:
    assert check_logs((pattern,), evidence(FIRE)).validity is validity


@pytest.mark.parametrize(
    ("failure", "validity"),
    [
        (Failure("the card reader is on fire"), Validity.VALID),
        (Failure("the card was refused"), Validity.INVALID),
        (Failure("fire"), Validity.INVALID),
    ],
)
def test_the_jobs_own_failure_explains_its_lines(failure: Failure, validity: Validity) -> None:
    assert check_logs(None, evidence(FIRE, failure=failure)).validity is validity


def test_lines_about_a_job_are_explained_only_if_it_failed() -> None:
    line = LogError("jobmanager.log", f"2026-11-26 19:27:45,346 ERROR x [] - job {'a' * 32} cannot go on")
    assert check_logs(None, evidence(line, failure=Failure("what it was"))).validity is Validity.VALID
    assert check_logs(None, evidence(line)).validity is Validity.INVALID


def test_a_failed_jobs_other_errors_are_errors() -> None:
    line = f"2026-11-26 19:27:45,346 ERROR shop.payments [{'a' * 32}] - the card reader is on fire"
    marked = LogError("taskmanager-0.log", line)
    assert check_logs(None, evidence(marked, failure=Failure("the till was closed"))).validity is Validity.INVALID


def test_a_crash_is_never_explained_by_a_failure() -> None:
    crash = LogError("hs_err_pid7.log", "the JVM has crashed", "SIGSEGV the card was refused", crash=True)
    assert check_logs(None, evidence(crash, failure=Failure("the card was refused"))).validity is Validity.INVALID
    assert check_logs(("SIGSEGV",), evidence(crash)).validity is Validity.VALID


def test_inaccessible_logs_are_unknown_if_the_scenario_has_patterns() -> None:
    nothing = Evidence("remote", "2.2.1", "bundled")
    assert check_logs(("smoke",), nothing).validity is Validity.UNKNOWN
    assert check_logs(None, nothing).validity is Validity.VALID


def test_a_pattern_that_takes_too_long_is_unknown() -> None:
    long = LogError("a.log", "2026-11-26 19:27:45,346 ERROR a [] - " + "a" * 5000 + "!")
    assert check_logs(("(a+)+$",), evidence(long)).validity is Validity.UNKNOWN


def test_many_errors_are_counted() -> None:
    result = check_logs(None, evidence(*[FIRE] * 8))
    assert [finding.message for finding in result.findings][-1] == "and 3 more errors in the logs"
    assert len(result.findings) == 6


AT_INFO = "2026-11-26 19:27:44,000 INFO "
AT = "2026-11-26 19:27:45,346 ERROR org.apache.flink"
KNOWN_LINES = (
    f"{AT}.shaded.curator5.org.apache.curator.ConnectionState [] - Authentication failed",
    f"{AT}.runtime.rest.handler.job.JobDetailsHandler  [] - Exception occurred in REST handler: Job ID not found",
    f"{AT}.runtime.webmonitor.handlers.JarRunHandler         [] - Exception occurred in REST handler: Could not execute",
    f"{AT}.client.python.PythonDriver                  [] - Run python process failed",
    f"{AT}.runtime.taskexecutor.DefaultJobLeaderService [] - Registration at JobManager failed due to an error",
)


@pytest.mark.parametrize("line", KNOWN_LINES)
def test_known_error_lines_of_flink_are_ignored(line: str) -> None:
    assert check_logs(None, evidence(LogError("jobmanager.log", line))).validity is Validity.VALID
    assert all(reason for _, reason in KNOWN)


BEAM = "2026-11-26 19:27:45,346 ERROR org.apache.beam"
LINES_OF_A_KILLED_WORKER = (
    f"{BEAM}.sdk.fn.data.BeamFnDataGrpcMultiplexer        [] - Failed to handle for unknown endpoint",
    f"{BEAM}.runners.fnexecution.control.FnApiControlClient [] - FnApiControlClient received an error.",
    f"{BEAM}.runners.fnexecution.control.FnApiControlClient [] - FnApiControlClient closed, clearing outstanding requests {{1=a}}",
)


@pytest.mark.parametrize("line", LINES_OF_A_KILLED_WORKER)
def test_errors_of_a_killed_python_worker_belong_to_that_fault_only(line: str) -> None:
    def check(*steps: StepRecord) -> Validity:
        return check_logs(None, replace(evidence(LogError("t.log", line)), steps=steps, restarts=1)).validity

    kill = StepRecord("after 1 s", "kill python_worker", felt=True)
    assert check(kill) is Validity.VALID
    assert [check(), check(replace(kill, felt=False)), check(replace(kill, act="kill broker"))] == [
        Validity.INVALID
    ] * 3


def test_a_python_worker_that_was_closed_at_work_is_no_error_of_a_job_that_did_not_restart() -> None:
    judged = [check_logs(None, evidence(LogError("t.log", line))).validity for line in LINES_OF_A_KILLED_WORKER]
    assert judged == [Validity.INVALID, Validity.INVALID, Validity.VALID]


def test_a_late_call_of_a_taskmanager_that_was_cut_off_belongs_to_that_fault_only() -> None:
    line = (
        f"{AT}.runtime.rpc.pekko.FencedPekkoRpcActor [3b76] - Error while executing remote procedure call public void "
        "org.apache.flink.runtime.jobmaster.JobMaster.notifyEndOfData(org.apache.flink.ExecutionAttemptID)."
    )

    def check(said: str, act: str) -> Validity:
        step = StepRecord("after 1 s", act, felt=True)
        return check_logs(None, replace(evidence(LogError("jobmanager.log", said)), steps=(step,))).validity

    assert check(line, "cut taskmanager") is Validity.VALID
    assert check(line.replace("notifyEndOfData", "cancel"), "cut taskmanager") is Validity.INVALID
    assert check(line, "cut kafka") is Validity.INVALID


@pytest.mark.parametrize(
    "act",
    ["kill taskmanager", "fail checkpoints", "cut taskmanager", "stop with a savepoint for the candidate"]
    + [f"rescale to parallelism {number}" for number in (1, 16)]
    + ["start the candidate beside the baseline"]
    + [f"stop with a savepoint for the candidate, which serves from offset {number}" for number in (8, 44)],
)
def test_a_checkpoint_that_a_fault_aborted_belongs_to_that_fault_only(act: str) -> None:
    line = f"{AT}.runtime.rpc.pekko.FencedPekkoRpcActor [] - Caught exception while executing runnable in main thread."
    detail = (
        "java.lang.IllegalStateException: Trying to open gateway for unseen checkpoint: latest known checkpoint = 13"
    )
    kill = StepRecord("after 1 s", act, felt=True)

    def check(detail: str, *steps: StepRecord) -> Validity:
        return check_logs(None, replace(evidence(LogError("jobmanager.log", line, detail)), steps=steps)).validity

    assert check(detail, kill) is Validity.VALID
    assert [
        check(detail),
        check(detail, replace(kill, felt=False)),
        check("java.lang.IllegalStateException", kill),
    ] == [Validity.INVALID] * 3


def test_another_jobs_errors_are_left_out() -> None:
    ours, theirs, nobodys = (LINE.replace("[]", f"[{mark}]") for mark in ("a" * 32, "b" * 32, ""))
    logs = {"a.log": "\n".join((ours, theirs, nobodys))}
    assert [error.line for error in errors_in(logs, ["a" * 32])] == [ours, nobodys]
    assert [error.line for error in errors_in(logs)] == [ours, theirs, nobodys]


def test_the_state_that_a_start_drops_is_found_in_the_log() -> None:
    ours, theirs = (
        f"{AT_INFO} Checkpoints [{mark * 32}] - Skipping savepoint state for operator 1{mark}." for mark in "ab"
    )
    empty = f"{AT_INFO} Checkpoints [] - Skipping empty savepoint state for operator 2."
    found = started_program({"jobmanager.log": f"{ours}\n{ours}\n{theirs}\n{empty}"}, ["a" * 32])
    assert found == StartedProgram(("1a",))
    begun = f"{AT_INFO} CheckpointCoordinator [] - Starting job {'a' * 32} from savepoint file:/s ()"
    assert started_program({"jobmanager.log": f"{begun}\n{empty}"}, ["a" * 32]) == StartedProgram(())


@pytest.mark.parametrize(
    "logs",
    [
        pytest.param({}, id="no log"),
        pytest.param({"jobmanager.log": LINE}, id="a log without INFO"),
        pytest.param({"taskmanager-0.log": f"{AT_INFO} TaskManagerRunner [] - x"}, id="short names of loggers"),
        pytest.param(
            {"jobmanager.log": f"{AT_INFO} c.C [] - Starting job {'b' * 32} from savepoint s ()"}, id="another job's"
        ),
    ],
)
def test_a_log_without_the_lines_of_a_start_says_nothing(logs: dict[str, str]) -> None:
    assert started_program(logs, ["a" * 32]) == StartedProgram(None, None)


def test_the_mode_of_python_is_found_in_the_log() -> None:
    thread, process = (
        f"{AT_INFO} org.apache.flink.{logger} [{mark * 32}] - x"
        for mark, logger in (
            ("a", "python.env.embedded.EmbeddedPythonEnvironmentManager"),
            ("b", "streaming.api.runners.python.beam.BeamPythonFunctionRunner"),
        )
    )
    received = [
        f"{AT_INFO} org.apache.flink.runtime.taskexecutor.TaskExecutor           [{mark * 32}] - Received task x"
        for mark in "abc"
    ]
    lines = (*received, thread, process, f"{AT_INFO} org.apache.flink.python.env.PythonDependencyInfo [] - x")
    logs = {"taskmanager-0.log": "\n".join(lines)}
    jobs = [["a" * 32], ["b" * 32], ["a" * 32, "b" * 32], ["c" * 32], ["d" * 32]]
    found = [started_program(logs, each) for each in jobs]
    assert [one.python_mode for one in found] == ["thread", "process", "thread and process", "", None]


def test_errors_are_found_in_logs() -> None:
    text = f"rest of a line with ERROR\n{AT_INFO} a [] - ERROR\n{LINE}\n\tat x\n\tat y\n{AT_INFO} a - b\n"
    found = errors_in({"a.log": text, "a.out": LINE, "hs_err_pid9.log": "#\n# SIGSEGV"})
    assert found == (
        LogError("a.log", LINE, "\tat x\n\tat y"),
        LogError("hs_err_pid9.log", "the JVM has crashed", "#\n# SIGSEGV", crash=True),
    )
    assert errors_in({"hs_err_pid9.log": ""}) == ()  # nothing new in it
    assert errors_in({"b.log": "2026-11-26T19:27:46.000Z [FATAL] out of everything"})[0].line.endswith("everything")
