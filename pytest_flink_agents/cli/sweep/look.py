"""Look for what sessions left that did not end in order. Each family proves by itself that its owner is dead."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil

from flink_testbed.artifacts.cache import sweep_partials
from flink_testbed.core.problem import HostError
from flink_testbed.flink.access import rest_access
from flink_testbed.flink.cluster import OWNER_PARAMETER
from flink_testbed.flink.launched import SCRATCH
from flink_testbed.flink.rest import RestClient
from flink_testbed.kafka.settings import SCRATCH as KAFKA_SCRATCH
from flink_testbed.ownership.detached import everything_kept
from flink_testbed.ownership.session_record import BROKERS, CLUSTER, JOBS, SOCKETS, TOPICS, Record, records
from pytest_flink_agents.cli.doctor.leftovers import find_leftovers
from pytest_flink_agents.cli.sweep.leftover import Leftover

_GONE_S = 10.0


def processes() -> Iterator[Leftover]:
    """Guards whose owner is gone, with all below them."""
    for found in find_leftovers():
        why = "its guard has no owner any more"
        yield Leftover("process", f"{found.pid} ({found.program})", why, partial(_end_tree, found.pid))


def _end_tree(guard_pid: int) -> None:
    guard = psutil.Process(guard_pid)
    tree = [*guard.children(recursive=True), guard]
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(tree, timeout=_GONE_S)


def containers() -> Iterator[Leftover]:
    """What dead processes have at this machine's container engine, unless a guard has it in hand.

    Where no engine answers there is nothing to look for.
    """
    from flink_testbed.containers.engine import connect
    from flink_testbed.containers.labelled import everything_labelled, guarded

    try:
        engine = connect()
    except HostError:
        return
    with contextlib.closing(engine):
        in_hand = guarded()
        for thing in everything_labelled(engine):
            if thing.owner.is_dead() and thing.token not in in_hand:
                yield Leftover(thing.kind, thing.name, f"{thing.owner} is dead", thing.remove)


def partial_entries() -> Iterator[Leftover]:
    """Directories of the cache that were never finished; the lock of their key tells that nobody works on them."""
    for path in sweep_partials(dry_run=True):
        yield Leftover("partial cache entry", os.fspath(path), "nobody holds its lock", _sweep_partials)


def _sweep_partials() -> None:
    sweep_partials(dry_run=False)


def left_running(*, living: bool) -> Iterator[Leftover]:
    """What was left running on purpose: that whose keeper is dead, and the ``living`` where asked for."""
    for kept in everything_kept():
        name = f"{kept.what} {kept.version} at {kept.address}"
        if kept.keeper.is_dead():
            yield Leftover("kept", name, "its keeper is dead", kept.end)
        elif living:
            yield Leftover("kept", name, "left by --flink-keep", kept.end)


def dead_records() -> list[Record]:
    """The records of sessions whose process is dead."""
    return [record for record in records() if record.owner.is_dead()]


def directories(record: Record) -> Iterator[Leftover]:
    """Sockets, and the scratch of clusters; logs, checkpoints and savepoints are evidence, and stay."""
    for name in record.named(SOCKETS):
        yield from _directory(record, SOCKETS, name, [Path(name)])
    for name in record.named(CLUSTER):
        yield from _directory(record, CLUSTER, name, [Path(name, scratch) for scratch in SCRATCH])
    for name in record.named(BROKERS):
        yield from _directory(record, BROKERS, name, [Path(name, scratch) for scratch in KAFKA_SCRATCH])


def _directory(record: Record, kind: str, name: str, paths: list[Path]) -> Iterator[Leftover]:
    there = [path for path in paths if path.is_dir() and not path.is_symlink()]
    shown = os.fspath(there[0]) if len(there) == 1 else f"{name}/{{{','.join(path.name for path in there)}}}"
    if there:
        yield Leftover("directory", shown, f"{record.owner} is dead", partial(_remove_all, there))
    else:
        yield Leftover("record", f"{kind} {name}", f"{record.owner} is dead, and nothing is left of it", _nothing)


def _remove_all(paths: list[Path]) -> None:
    for path in paths:
        shutil.rmtree(path)


def _nothing() -> None:
    """What the record speaks of is gone already."""


def jobs(record: Record, url: str) -> Iterator[Leftover]:
    """Jobs on somebody else's cluster that carry the run's id, and still run."""
    access = rest_access(url, os.environ)
    if access.url not in record.named(JOBS):
        return
    rest = RestClient(access.url, access=access)
    for job in rest.jobs():
        config = rest.call("GET", f"/jobs/{job['jid']}/config").get("execution-config", {})
        running = job["state"] in ("CREATED", "RUNNING", "RESTARTING", "FAILING", "INITIALIZING")
        if running and config.get("user-config", {}).get(OWNER_PARAMETER) == record.run_id:
            why = f"run {record.run_id}, and {record.owner} is dead"
            yield Leftover("job", f"{job['jid']} at {access.url}", why, partial(rest.cancel, str(job["jid"])))


def topics(record: Record, bootstrap: str) -> Iterator[Leftover]:
    """Topics on somebody else's Kafka whose names carry the run's id."""
    if bootstrap not in record.named(TOPICS):
        return
    from flink_testbed.kafka.remote import RemoteKafka
    from flink_testbed.kafka.service import topic_prefix

    kafka = RemoteKafka(bootstrap, run_id=record.run_id, startup_timeout_s=_GONE_S)
    kafka.start()
    for topic in sorted(kafka.topics()):
        if topic.startswith(topic_prefix(record.run_id)):
            why = f"run {record.run_id}, and {record.owner} is dead"
            yield Leftover("topic", f"{topic} at {bootstrap}", why, partial(kafka.delete_topic, topic))
