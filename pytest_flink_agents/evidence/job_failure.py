"""Find the cause of a failed job in the exception that Flink keeps.

The cause is the agent's own error, without its wrapping. Pure.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flink_agents_runtime.engine.failure import FAILURE_MARK
from pytest_flink_agents.evidence.model import Failure

# The form of a Python exception in thread mode and in upstream's operator: class and text, then the frames, innermost first.
_EMBEDDED = re.compile(r"(?:^|: )pemja\.core\.PythonException: <class '([^']*)'>: ")
_FRAME = re.compile(r"^\s+at (\S+)\.([^.(\s]+)\(([^():]+\.py):(\d+)\)$")
_JAVA = re.compile(r"^\s+(at \S+\(|\.\.\. \d+ more)|^Caused by: ")
# Process mode passes on a traceback as Python prints it.
_PRINTED = "Traceback (most recent call last):"
_CALLER_OF_ACTIONS = "/flink_agents/plan/function"
_LIMIT = 8000
# Explanations of messages that do not say what to do. Missing classes of Flink mean a job built for another line.
_MEANINGS = (
    (
        re.compile(r"^No module named '([^']+)'"),
        "the TaskManagers' Python has no module {0!r}. Modules of the project reach it from the project root and pytest's "
        "pythonpath (flink run: --pyFiles), packages by the scenario's requirements or an installation there",
    ),
    (
        re.compile(r"Could not find any factory for identifier '([^']+)'"),
        "Flink has no connector or format {0!r} on its class path. Its jar for this Flink line has to be named by the job "
        "(pipeline.jars) or lie in the cluster's lib",
    ),
    (
        re.compile(
            r"(?:NoClassDefFoundError|ClassNotFoundException|NoSuchMethodError|NoSuchFieldError|AbstractMethodError|"
            r"IncompatibleClassChangeError): .*?(org[./]apache[./]flink[./][\w./$]+)"
        ),
        "the job was built for another Flink line: this one has no {0}. Build it against the Flink that it runs on",
    ),
    (
        re.compile(r"(UnknownTopicOrPartitionException)"),
        "the job asks Kafka for a topic that does not exist; those of the run are ${{input.topic}} and ${{output.topic}} ({0})",
    ),
    (
        re.compile(r"Topic (\S+) not present in metadata"),
        "the job writes to the topic {0}, which does not exist; those of the run are ${{input.topic}} and ${{output.topic}}",
    ),
    (
        re.compile(r"Cannot map checkpoint/savepoint state for operator (\w+) to the new program"),
        "the savepoint has state of an operator that this job does not have. Give each operator with state a uid, and keep it "
        "(Flink: cannot map state for operator {0} to the new program)",
    ),
    (
        re.compile(r"(Timed out waiting for a node assignment)"),
        "no Kafka broker answers where the job asks for one; the run's is at ${{kafka.bootstrap}} ({0})",
    ),
)

# Flink's words for a TaskManager, or its connection, that was lost. The job of such a failure did nothing wrong.
_LOST = re.compile(
    r"TaskManager with id \S+ (?:is no longer reachable|timed out)|"
    r"remote task manager '[^']*'.* was lost|Lost connection to task manager|"
    r"The TaskExecutor is shutting down|NoResourceAvailableException"
)
# The words for a process of Python that ended by itself; an exception of an agent's code comes with its traceback.
_LOST_WORKER = re.compile(r"grpc\.StatusRuntimeException: CANCELLED|IllegalStateException: Process died with exit code")
# Java prints the suppressed exceptions of a throwable between its frames and its cause.
_SUPPRESSED = re.compile(r"^[ \t]+Suppressed: .*?(?=^Caused by: |\Z)", re.MULTILINE | re.DOTALL)


def lost_part(exception: str) -> str:
    """Return the part of its cluster that a job failed without, in words; empty if it failed by itself.

    What ended a process of Python, the job's code or the machine, its exception does not show. A
    suppressed exception is none of the causes: a task that has failed also loses what it closes.
    """
    causes = _SUPPRESSED.sub("", exception)
    if _LOST.search(causes):
        return "its TaskManager"
    own = FAILURE_MARK in exception or _PRINTED in exception
    return "its Python worker" if not own and _LOST_WORKER.search(causes) else ""


def failure_of(data: Mapping[str, Any]) -> Failure:
    """Return the failure in the fields that the bundled engine writes."""
    names = ("message", "type", "traceback", "agent", "action", "key", "input")
    return Failure(**{name: data[name] for name in names if name in data})


def job_failure(exception: str) -> Failure:
    """Return the cause of a failed job.

    The bundled engine writes it into the exception. Without that, it is the last Python exception in it, or else the last
    cause.
    """
    for line in exception.splitlines():
        _, marked, data = line.partition(FAILURE_MARK)
        if marked:
            with contextlib.suppress(ValueError):
                return failure_of(json.JSONDecoder().raw_decode(data)[0])
    found = _embedded(exception) or _printed(exception)
    if found:
        return explained(found)
    causes = [line for line in exception.splitlines() if line.startswith("Caused by: ")]
    first = causes[-1].removeprefix("Caused by: ") if causes else exception.partition("\n")[0]
    message = first or "the job failed and Flink kept no exception"
    return explained(Failure(message=message, traceback=exception[-_LIMIT:]))


def explained(failure: Failure) -> Failure:
    """Return the failure with an explanation of its message, if one is known.

    The original message stays in the traceback.
    """
    for pattern, meaning in _MEANINGS:
        found = pattern.search(failure.message)
        if found:
            name = found.group(1).replace("/", ".")
            return replace(failure, message=meaning.format(name), traceback=failure.traceback or failure.message)
    return failure


def _embedded(exception: str) -> Failure | None:
    """Return the Python exception that pemja passed on, with its frames in Python's order."""
    found = list(_EMBEDDED.finditer(exception))
    if not found:
        return None
    kind = found[-1].group(1).rpartition(".")[2]
    message: list[str] = []
    frames: list[tuple[str, str, str]] = []
    action = ""
    for line in exception[found[-1].end() :].splitlines():
        frame = _FRAME.match(line)
        if frame:
            path, function, file, number = frame.groups()
            # The outermost call of a function of the plan: a tool is called below its action.
            if path.endswith(_CALLER_OF_ACTIONS) and frames and not frames[-1][0].endswith(f"{_CALLER_OF_ACTIONS}.py"):
                action = frames[-1][2]
            frames.append((os.path.join(os.path.dirname(path), file), number, function))  # noqa: PTH118, PTH120  a path of another machine
        elif _JAVA.match(line):
            break
        else:
            message.append(line)
    shown = [f'  File "{path}", line {number}, in {function}' for path, number, function in reversed(frames)]
    text = "\n".join(message).rstrip()
    trace = "\n".join([_PRINTED, *shown, f"{kind}: {text}"]) + "\n"
    return Failure(message=text, type=kind, traceback=trace[-_LIMIT:], action=action, located=not action)


def _printed(exception: str) -> Failure | None:
    """Return the last traceback that Python itself printed."""
    _, printed, rest = exception.rpartition(_PRINTED)
    if not printed:
        return None
    lines = rest.splitlines()[1:]
    own: list[str] = []
    for line in lines:
        if _JAVA.match(line):
            break
        own.append(line)
    while own and not own[-1].strip():
        own.pop()
    ended = next((index for index, line in enumerate(own) if line and not line.startswith(" ")), None)
    if ended is None:
        return None
    kind, _, text = "\n".join(own[ended:]).partition(": ")
    trace = "\n".join([_PRINTED, *own]) + "\n"
    return Failure(message=text, type=kind.rpartition(".")[2], traceback=trace[-_LIMIT:])
