"""Stored savepoints: as the start of a job with another source and sink, and the mode of Python that wrote them."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

from py4j.protocol import Py4JJavaError

from flink_agents_runtime.channel import RequestError
from flink_agents_runtime.on_flink.operator import STATE_NAME

KIND = "savepoint"
METADATA = "_metadata"
_STATE, _PROCESS_PREFIX = STATE_NAME.encode(), b"python-state-"
# A file of states begins with their names; small states are inside the metadata.
_BEGINNING_BYTES = 4 * 1024 * 1024
# The ids of the operators that build_job makes. Flink computes an operator's id from its uid: murmur3_128 of the text
# (StreamGraphHasherV2). The sink has a second operator, which commits (SinkTransformationTranslator).
AGENT_OPERATOR = "5957a8f59332436746a9d052223172e4"
_SOURCE = MappingProxyType({"b970e00c101293b56856b1d8a988c69b": "inputs"})
_SINK = MappingProxyType(
    {
        "773fd803009d8e05b4b5ed7acc73b6ba": "outputs",
        "d67afbcf8b929d44d01556af8fa8889a": "Sink Committer: outputs",
    }
)


def detach_savepoint(request: dict[str, Any]) -> dict[str, Any]:
    """Remove the places in source and sink from the savepoint in the directory ``savepoint``.

    These name the topics of another run. With ``keeps_source`` those of the source stay, for a second job beside the one
    that wrote the savepoint: with the state of its sink, that job would end the other one's transactions. Everything else
    stays, so that Flink still refuses what does not fit. Raises RequestError of kind "savepoint" for one that Flink cannot
    read, and one of another job.
    """
    from pyflink.java_gateway import get_gateway

    directory = Path(request["savepoint"])
    jvm = get_gateway().jvm
    checkpoints = jvm.org.apache.flink.runtime.checkpoint
    try:
        metadata = _loaded(jvm, directory)
    except Py4JJavaError as error:
        seen = str(error.java_exception.toString())
        raise RequestError(KIND, "Flink cannot read the savepoint", expected="a complete copy", seen=seen) from None
    states = {str(state.getOperatorID().toHexString()): state for state in metadata.getOperatorStates()}
    if AGENT_OPERATOR not in states:
        seen = f"{len(states)} other operators" if states else "no operator"
        raise RequestError(
            KIND,
            "the savepoint has no state of an agent",
            expected="a savepoint of a job that the harness made around an agent",
            seen=seen,
        )
    removed = {**_SINK} if request["keeps_source"] else {**_SOURCE, **_SINK}
    kept = jvm.java.util.ArrayList()
    for identifier, state in states.items():
        if identifier not in removed:
            kept.add(state)
    written = checkpoints.metadata.CheckpointMetadata(metadata.getCheckpointId(), kept, metadata.getMasterStates())
    stream = jvm.java.io.FileOutputStream(str(directory / METADATA))
    try:
        checkpoints.Checkpoints.storeCheckpointMetadata(written, stream)
    finally:
        stream.close()
    return {"operators": len(states)}


def require_mode(savepoint: str, mode: str) -> None:
    """Refuse a savepoint of an agent that ran in another mode of Python than ``mode``.

    Flink would restore it without an error, but no state would be found: process mode puts a prefix before the names of
    states (PyFlink's ``StateRequestHandler``), and Flink writes these as text. Raises RequestError of kind "plan". A
    savepoint that is not on this machine passes.
    """
    written = _mode_of(Path(savepoint.removeprefix("file://").removeprefix("file:")))
    if written and written != mode:
        raise RequestError(
            "plan",
            f"the savepoint was written in {written} mode of Python, whose state {mode} mode does not find",
            expected=f"python.execution-mode: {written}",
            seen=f"python.execution-mode: {mode}",
            next_step=f"run both versions in {written} mode: every memory would begin anew in the other one",
        )


def _mode_of(directory: Path) -> str:
    """Return the mode of Python that wrote a savepoint, empty if it has no state of an agent."""
    contents = [_beginning(path) for path in directory.glob("*") if path.is_file()]
    if any(_PROCESS_PREFIX + _STATE in content for content in contents):
        return "process"
    return "thread" if any(_STATE in content for content in contents) else ""


def _beginning(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_BEGINNING_BYTES)


def _loaded(jvm: Any, directory: Path) -> Any:
    stream = jvm.java.io.DataInputStream(jvm.java.io.FileInputStream(str(directory / METADATA)))
    try:
        loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
        return jvm.org.apache.flink.runtime.checkpoint.Checkpoints.loadCheckpointMetadata(
            stream, loader, f"file://{directory}"
        )
    finally:
        stream.close()
