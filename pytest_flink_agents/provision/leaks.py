"""What a session should have ended and has not: looked for when everything is closed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from flink_testbed.core.problem import HostError
from flink_testbed.flink.launched import SCRATCH
from flink_testbed.kafka.settings import SCRATCH as KAFKA_SCRATCH
from flink_testbed.ownership.process import living
from flink_testbed.ownership.session_record import BROKERS, CLUSTER, SOCKETS, own_record


def process_leaks() -> Iterator[str]:
    """Processes that this one has started, each with its guard, its log and the command. They are ended now."""
    for process in living():
        command = " ".join(process.argv)[:120]
        yield f"process {process.guard_pid} ({process.name}: {command}), log {process.log}, {_who()}"
        process.kill()


def recorded_leaks(run_id: str) -> Iterator[str]:
    """Directories of a run outside of what it is to leave."""
    for kind, name in own_record(run_id).made:
        parts = {SOCKETS: ("",), CLUSTER: SCRATCH, BROKERS: KAFKA_SCRATCH}.get(kind, ())
        for path in (Path(name, part) for part in parts):
            if path.exists():
                yield f"directory {path}, {_who(run_id)}"


def container_leaks(run_id: str) -> Iterator[str]:
    """What a run has left at this machine's container engine, but for what was detached: its guard lives on."""
    from flink_testbed.containers.engine import connect
    from flink_testbed.containers.labelled import everything_labelled
    from flink_testbed.ownership.container_owner import guarded_tokens

    with contextlib.suppress(HostError), contextlib.closing(connect()) as engine:
        in_hand = guarded_tokens()
        for thing in everything_labelled(engine):
            if thing.run_id == run_id and thing.token not in in_hand:
                yield f"{thing.kind} {thing.name}, {_who(run_id)}"


def listening_leaks(ports: Mapping[str, int], run_id: str) -> Iterator[str]:
    """Ports on which this process still listens; ``ports`` are those that it has had, by what they were for."""
    if not ports:
        return
    connections = psutil.Process().net_connections(kind="inet")
    listening = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    for what, port in ports.items():
        if port in listening:
            yield f"listening port {port} ({what}), {_who(run_id)}"


def topic_leaks(topics: Mapping[str, str], bootstrap: str, run_id: str) -> Iterator[str]:
    """Topics of a run on somebody else's Kafka; ``topics`` are those that stayed, with what Kafka said."""
    for name, why in topics.items():
        yield f"topic {name} at {bootstrap} ({why}), {_who(run_id)}"


def _who(run_id: str = "") -> str:
    return f"started by process {os.getpid()}" + (f", run {run_id}" if run_id else "")
