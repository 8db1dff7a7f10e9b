"""Find processes, files, containers and topics that outlived their session.

Called after everything was closed.
"""

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
    """Yield a line for each live child process, and kill it."""
    for process in living():
        command = " ".join(process.argv)[:120]
        yield f"process {process.guard_pid} ({process.name}: {command}), log {process.log}, {_creator()}"
        process.kill()


def recorded_leaks(run_id: str) -> Iterator[str]:
    """Yield a line for each recorded directory that still exists.

    Of a cluster or a broker only the scratch directories count: its logs and configuration are
    evidence.
    """
    for kind, name in own_record(run_id).made:
        parts = {SOCKETS: ("",), CLUSTER: SCRATCH, BROKERS: KAFKA_SCRATCH}.get(kind, ())
        for path in (Path(name, part) for part in parts):
            if path.exists():
                yield f"directory {path}, {_creator(run_id)}"


def container_leaks(run_id: str) -> Iterator[str]:
    """Yield a line for each container, network and volume of a run.

    Those of detached clusters are left out.

    A detached cluster has a live guard, which holds its token. Without an engine there is nothing
    to find.
    """
    from flink_testbed.containers.engine import connect
    from flink_testbed.containers.labelled import everything_labelled
    from flink_testbed.ownership.container_owner import guarded_tokens

    with contextlib.suppress(HostError), contextlib.closing(connect()) as engine:
        guarded = guarded_tokens()
        for thing in everything_labelled(engine):
            if thing.run_id == run_id and thing.token not in guarded:
                yield f"{thing.kind} {thing.name}, {_creator(run_id)}"


def listening_leaks(ports: Mapping[str, int], run_id: str) -> Iterator[str]:
    """Yield a line for each port on which this process still listens.

    ``ports`` maps purposes to port numbers.
    """
    if not ports:
        return
    connections = psutil.Process().net_connections(kind="inet")
    listening = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    for purpose, port in ports.items():
        if port in listening:
            yield f"listening port {port} ({purpose}), {_creator(run_id)}"


def topic_leaks(topics: Mapping[str, str], bootstrap: str, run_id: str) -> Iterator[str]:
    """Yield a line for each leftover topic on an external broker.

    ``topics`` maps names to Kafka's errors.
    """
    for name, why in topics.items():
        yield f"topic {name} at {bootstrap} ({why}), {_creator(run_id)}"


def _creator(run_id: str = "") -> str:
    return f"started by process {os.getpid()}" + (f", run {run_id}" if run_id else "")
