"""The cause of a failed job, found in the exception that Flink keeps."""

from __future__ import annotations

import pytest

from flink_agents_runtime.engine.failure import FAILURE_MARK
from pytest_flink_agents.evidence.job_failure import job_failure, lost_part

WRAPPED = """org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(ExecutionFailureHandler.java:219)
"""
EMBEDDED = (
    WRAPPED
    + """Caused by: org.apache.flink.agents.runtime.PythonActionExecutionException: Failed to execute Python action
\tat org.apache.flink.agents.runtime.python.utils.PythonActionExecutor.executePythonFunction(PythonActionExecutor.java:121)
\t... 13 more
Caused by: pemja.core.PythonException: <class 'shop.errors.NoPrice'>: no price
for tea
\tat /project/shop/prices.lookup(prices.py:12)
\tat /project/shop/agents.price(agents.py:49)
\tat /venv/lib/python3.11/site-packages/flink_agents/plan/function.__call__(function.py:217)
\tat pemja.core.PythonInterpreter.invoke(Native Method)
\t... 19 more
"""
)
PROCESS = (
    WRAPPED
    + """Caused by: java.lang.RuntimeException: Error received from the SDK harness: Traceback (most recent call last):
  File "/venv/apache_beam/sdk_worker.py", line 313, in _execute
    response = task()
  File "/project/shop/agents.py", line 49, in price
    raise NoPrice("no price")
shop.errors.NoPrice: no price

\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient$ResponseStreamObserver.onNext(FnApiControlClient.java:180)
\t... 1 more
"""
)


def test_the_bundled_engines_own_failure_comes_first() -> None:
    data = '{"message": "no", "type": "ValueError", "action": "pay", "key": "a", "input": 1, "traceback": "t"}'
    failure = job_failure(
        f"{WRAPPED}Caused by: RuntimeError: x\n{FAILURE_MARK}{data}\n\tat pemja.core.X(Native Method)"
    )
    assert (failure.message, failure.type, failure.action, failure.key) == ("no", "ValueError", "pay", "a")


def test_a_python_exception_of_thread_mode_is_read_from_pemjas_frames() -> None:
    failure = job_failure(EMBEDDED)
    assert (failure.type, failure.message, failure.action) == ("NoPrice", "no price\nfor tea", "price")
    lines = failure.traceback.splitlines()
    assert lines[-4:] == [
        '  File "/project/shop/agents.py", line 49, in price',
        '  File "/project/shop/prices.py", line 12, in lookup',
        "NoPrice: no price",
        "for tea",
    ]
    assert "java" not in failure.traceback
    assert not failure.located


def test_a_tool_that_fails_is_not_the_action() -> None:
    plan = "\tat /venv/lib/python3.11/site-packages/flink_agents/plan/"
    called, outer = (f"{plan}function.{name}(function.py:217)\n" for name in ("__call__", "call_python_function"))
    action = f"{plan}actions/tool_call_action.process_tool_request(tool_call_action.py:30)\n"
    failure = job_failure(EMBEDDED.replace(called, called + action + called + outer))
    assert failure.action == "process_tool_request"


def test_the_traceback_of_process_mode_is_read_as_printed() -> None:
    failure = job_failure(PROCESS)
    assert (failure.type, failure.message) == ("NoPrice", "no price")
    assert failure.traceback.startswith("Traceback (most recent call last):\n")
    assert failure.traceback.endswith("shop.errors.NoPrice: no price\n")


def test_without_a_python_exception_the_last_cause_is_the_failure() -> None:
    failure = job_failure(WRAPPED + "Caused by: java.io.IOException: disk full\n\tat java.base/x.Y(Z.java:1)\n")
    assert failure.message == "java.io.IOException: disk full"


def test_a_job_without_an_exception_says_so() -> None:
    assert job_failure("").message == "the job failed and Flink kept no exception"


def test_a_missing_module_is_explained() -> None:
    failure = job_failure(
        PROCESS.replace("shop.errors.NoPrice: no price", "ModuleNotFoundError: No module named 'shop'")
    )
    assert failure.message.startswith("the TaskManagers' Python has no module 'shop'")
    assert failure.type == "ModuleNotFoundError"
    data = '{"message": "No module named \'x\'", "type": "ModuleNotFoundError", "action": "pay", "traceback": "t"}'
    assert job_failure(f"{WRAPPED}{FAILURE_MARK}{data}").message == "No module named 'x'"


def test_a_missing_class_or_connector_of_flink_is_explained() -> None:
    connector = "Could not find any factory for identifier 'kafka' that implements 'X' in the classpath."
    failure = job_failure(
        f"{WRAPPED}Caused by: org.apache.flink.table.api.ValidationException: {connector}\n\nAvailable\n"
    )
    assert failure.message.startswith("Flink has no connector or format 'kafka'")
    assert connector in failure.traceback
    for seen in (
        "java.lang.NoClassDefFoundError: org/apache/flink/api/Gone",
        "java.lang.ClassNotFoundException: org.apache.flink.api.Gone",
        "java.lang.NoSuchMethodError: 'void org.apache.flink.api.Gone.call(int)'",
    ):
        failure = job_failure(f"{WRAPPED}Caused by: {seen}\n\tat shop.Totals.main(Totals.java:1)\n")
        assert "built for another Flink line: this one has no org.apache.flink.api.Gone" in failure.message
    own = "java.lang.ClassNotFoundException: shop.Gone"
    assert job_failure(f"{WRAPPED}Caused by: {own}\n").message == own


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (
            "UnknownTopicOrPartitionException: This server does not host this topic-partition.",
            "the job asks Kafka for a topic that does not exist; those of the run are ${input.topic} and ${output.topic} "
            "(UnknownTopicOrPartitionException)",
        ),
        (
            "TimeoutException: Topic totals not present in metadata after 60000 ms.",
            "the job writes to the topic totals, which does not exist; those of the run are ${input.topic} and ${output.topic}",
        ),
        (
            "TimeoutException: Timed out waiting for a node assignment. Call: listNodes",
            "no Kafka broker answers where the job asks for one; the run's is at ${kafka.bootstrap} "
            "(Timed out waiting for a node assignment)",
        ),
    ],
)
def test_a_missing_topic_or_broker_is_explained(seen: str, told: str) -> None:
    kind = "org.apache.flink.kafka.shaded.org.apache.kafka.common.errors."
    failure = job_failure(f"{WRAPPED}Caused by: {kind}{seen}\n")
    assert failure.message == told
    assert seen in failure.traceback


CANCELLED = (
    "java.io.IOException: Could not perform checkpoint 5 for operator action-execute-operator (1/1)#0.\n"
    "Caused by: java.lang.RuntimeException: Failed to close remote bundle\n"
    "Caused by: org.apache.beam.vendor.grpc.v1p60p1.io.grpc.StatusRuntimeException: CANCELLED: client cancelled\n"
)
# A serializer of the job's own has failed, and closing what was open met the worker that was being ended.
SUPPRESSED = (
    "org.apache.flink.util.StateMigrationException: The new state serializer must not be incompatible\n"
    "\tat org.apache.flink.runtime.state.heap.HeapKeyedStateBackend.tryRegisterStateTable(HeapKeyedStateBackend.java:1)\n"
    "\tSuppressed: java.lang.RuntimeException: Failed to close remote bundle\n"
    "\t\tat org.apache.flink.streaming.api.runners.python.beam.BeamPythonFunctionRunner.close(BeamPythonFunctionRunner.java:1)\n"
    "\tCaused by: org.apache.beam.vendor.grpc.v1p60p1.io.grpc.StatusRuntimeException: CANCELLED: client cancelled\n"
    "\t\t... 3 more\n"
)


@pytest.mark.parametrize(
    ("exception", "lost"),
    [
        ("JobMasterException: TaskManager with id taskmanager-2 is no longer reachable.", "its TaskManager"),
        ("TimeoutException: The heartbeat of TaskManager with id taskmanager-2 timed out.", "its TaskManager"),
        (
            "RemoteTransportException: Connection unexpectedly closed by remote task manager 'localhost/127.0.0.1:4321 [ "
            "taskmanager-2 ] '. This might indicate that the remote task manager was lost.",
            "its TaskManager",
        ),
        ("NoResourceAvailableException: Could not acquire the minimum required resources.", "its TaskManager"),
        (CANCELLED, "its Python worker"),
        ("Caused by: java.lang.IllegalStateException: Process died with exit code 0", "its Python worker"),
        # The exception of an agent's code, on which the bundle was cancelled.
        (f"{PROCESS}{CANCELLED}", ""),
        (EMBEDDED, ""),
        (SUPPRESSED, ""),
        (f"{SUPPRESSED}Caused by: java.io.EOFException\n", ""),
        (
            f"{SUPPRESSED}Caused by: java.lang.IllegalStateException: Process died with exit code 0\n",
            "its Python worker",
        ),
        ("JobException: failed\n\tSuppressed: X: The TaskExecutor is shutting down\n", ""),
        ("StateMigrationException: The new state serializer must not be incompatible", ""),
        ("", ""),
    ],
)
def test_the_loss_of_a_process_is_no_failure_of_the_job(exception: str, lost: str) -> None:
    assert lost_part(exception) == lost
