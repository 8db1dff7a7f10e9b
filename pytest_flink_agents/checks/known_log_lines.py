"""Patterns of ERROR lines that Flink writes although nothing is wrong.

:data:`CLOSED_AT_WORK` is one of a job without a restart. :data:`LOST_WORKER` has those of a job that lost its Python
worker, :data:`BY_FAULT` those that belong to a fault of the run, by its name.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_flink_agents.evidence.upgrade import (
    BASELINE_AGAIN,
    CANDIDATE,
    FROM_OFFSET,
    RESCALE,
    START_BESIDE,
    STOP,
    STOP_AT_CHECKPOINT,
)

KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"curator\S*\.ConnectionState +\S+ - Authentication failed",
        "Flink's ZooKeeper client tries SASL first, which a ZooKeeper without users does not support",
    ),
    (
        r"\.(rest\.handler|webmonitor\.handlers)\.\S+ +\S+ - (Exception occurred in REST handler|Unhandled exception)",
        "the response to a REST call that Flink refused; the caller got the error, and no job is affected",
    ),
    (
        r"\.client\.python\.PythonDriver +\S+ - Run python process failed",
        "a program that ended with an error without starting a job; its submitter got the error",
    ),
    (
        r"\.taskexecutor\.DefaultJobLeaderService +\S+ - Registration at JobManager failed due to an error",
        "a job was cancelled before its TaskManager registered for it; otherwise the TaskManager tries again",
    ),
    (
        r"kafka\.common\.utils\.Utils +\S+ - Failed to close release connections",
        "the connector's Kafka client is closed after the class loader of its job",
    ),
)

# The TaskManager closed the connection to the Python worker of a job that it ended while the worker had work
# (on 2.2.1, on a busy machine). If it was the worker that ended, the TaskManager logs an error of the
# connection as well, and the job fails or restarts.
CLOSED_AT_WORK = (
    r"org\.apache\.beam\.runners\.fnexecution\.control\.FnApiControlClient +\S+ - "
    r"FnApiControlClient closed, clearing outstanding requests"
)

# The TaskManager's ends of the connections to a Python worker that was lost.
LOST_WORKER = (
    r"org\.apache\.beam\.sdk\.fn\.data\.BeamFnDataGrpcMultiplexer +\S+ - Failed to handle for",
    r"org\.apache\.beam\.runners\.fnexecution\.control\.FnApiControlClient +\S+ - FnApiControlClient",
)

# Of a checkpoint that a fault or a switch aborted before the operators had heard of it (on 2.2.1: once in six kills
# with a checkpoint every 100 ms, for each checkpoint whose directory could not be created, and once in 30 jobs that
# started from a savepoint on a busy machine: their first one). The line says nothing of it, the exception below it does.
_ABORTED_CHECKPOINT = r"IllegalStateException: Trying to open gateway for unseen checkpoint"

# A call of a TaskManager that was cut off, about an attempt that the JobManager has given up meanwhile
# (on 2.2.1, with a NullPointerException below the line).
_LATE_CALL = (
    r"Error while executing remote procedure call public void "
    r"org\.apache\.flink\.runtime\.jobmaster\.JobMaster\.notifyEndOfData\("
)

# A savepoint holds the outputs that the sink commits when it is complete. A job that starts from it commits them
# again, which Kafka refuses. That none is lost is what the scenario states of its outputs.
_SECOND_COMMIT = r"Unable to commit transaction .* its producer is already fenced"

_SWITCH = (_SECOND_COMMIT, _ABORTED_CHECKPOINT)

# Searched in the line and in the stack trace below it.
BY_FAULT: Mapping[str, tuple[str, ...]] = {
    "kill taskmanager": (_ABORTED_CHECKPOINT,),
    "fail checkpoints": (_ABORTED_CHECKPOINT,),
    # It ends as a kill does, if it lasts as long as the heartbeat time-out.
    "cut taskmanager": (_ABORTED_CHECKPOINT, _LATE_CALL),
    **dict.fromkeys(
        (f"{stop}{name}" for stop in (STOP, STOP_AT_CHECKPOINT) for name in (CANDIDATE, BASELINE_AGAIN)), _SWITCH
    ),
    # Before its number.
    RESCALE: _SWITCH,
    # The candidate starts without the outputs of the savepoint.
    **dict.fromkeys((START_BESIDE, f"{STOP}{CANDIDATE}{FROM_OFFSET}"), (_ABORTED_CHECKPOINT,)),
    "kill python_worker": LOST_WORKER,
}
