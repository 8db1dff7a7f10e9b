"""List the leftovers of dead sessions, each with the way to remove it.

:mod:`flink_testbed.ownership` proves that the owner is dead; this module adds the description and
the removal.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from flink_testbed.artifacts import cache_use
from flink_testbed.artifacts.cache import sweep_partials
from flink_testbed.core.problem import HostError
from flink_testbed.flink.access import rest_access
from flink_testbed.flink.job_owner import OWNER_PARAMETER
from flink_testbed.flink.launched import SCRATCH
from flink_testbed.flink.rest import RestClient
from flink_testbed.kafka.settings import SCRATCH as KAFKA_SCRATCH
from flink_testbed.ownership.detached import detached_services
from flink_testbed.ownership.leftovers import ownerless_guards, unheld_services
from flink_testbed.ownership.session_record import BROKERS, CLUSTER, JOBS, SOCKETS, TOPICS, Record
from pytest_flink_agents.cli.sweep.leftover import Leftover

_ACTIVE = ("CREATED", "RUNNING", "RESTARTING", "FAILING", "INITIALIZING")
_KAFKA_STARTUP_S = 10.0


def processes() -> Iterator[Leftover]:
    """Yield the guards that outlived their owner, each with the tree below it."""
    for guard in ownerless_guards():
        yield Leftover("process", f"{guard.pid} ({guard.program})", "the owner of its guard is dead", guard.end)


def containers() -> Iterator[Leftover]:
    """Yield the containers, volumes and networks of dead owners that no guard will remove.

    None if no container engine answers.
    """
    from flink_testbed.containers.engine import connect
    from flink_testbed.containers.labelled import everything_labelled
    from flink_testbed.ownership.container_owner import guarded_tokens

    try:
        engine = connect()
    except HostError:
        return
    with contextlib.closing(engine):
        guarded = guarded_tokens()
        for thing in everything_labelled(engine):
            if thing.owner.is_dead() and thing.token not in guarded:
                yield Leftover(thing.kind, thing.name, f"{thing.owner} is dead", thing.remove)


def partial_entries() -> Iterator[Leftover]:
    """Yield the unfinished directories of the cache whose lock no process holds."""
    for path in sweep_partials(dry_run=True):
        yield Leftover("partial cache entry", os.fspath(path), "no process holds its lock", _sweep_partials)


def unused_entries(days: float) -> Iterator[Leftover]:
    """Yield the cache entries that no process uses or used for so many days."""
    for entry in cache_use.unused_entries(days):
        why = f"not used for {entry.idle_days} days, {entry.mib} MiB"
        yield Leftover("cache entry", os.fspath(entry.path), why, entry.remove)


def _sweep_partials() -> None:
    sweep_partials(dry_run=False)


def detached(*, living: bool) -> Iterator[Leftover]:
    """Yield the detached clusters and brokers whose holder is dead, and on request the living ones."""
    unheld = {service.name for service in unheld_services()}
    for service in detached_services():
        if service.name in unheld:
            yield Leftover("detached", str(service), "its holder is dead", service.end)
        elif living:
            yield Leftover("detached", str(service), "detached by --flink-keep", service.end)


def directories(record: Record) -> Iterator[Leftover]:
    """Yield the socket directories and the scratch directories of clusters.

    Logs, checkpoints and savepoints are evidence and are not listed.
    """
    for name in record.named(SOCKETS):
        yield _directory(record, SOCKETS, name, [Path(name)])
    for name in record.named(CLUSTER):
        yield _directory(record, CLUSTER, name, [Path(name, scratch) for scratch in SCRATCH])
    for name in record.named(BROKERS):
        yield _directory(record, BROKERS, name, [Path(name, scratch) for scratch in KAFKA_SCRATCH])


def _directory(record: Record, kind: str, name: str, paths: list[Path]) -> Leftover:
    existing = [path for path in paths if path.is_dir() and not path.is_symlink()]
    if not existing:
        why = f"{record.owner} is dead, and its files are gone"
        return Leftover("record", f"{kind} {name}", why, _nothing)
    names = ",".join(path.name for path in existing)
    shown = os.fspath(existing[0]) if len(existing) == 1 else f"{name}/{{{names}}}"
    return Leftover("directory", shown, f"{record.owner} is dead", partial(_remove_all, existing))


def _remove_all(paths: list[Path]) -> None:
    for path in paths:
        shutil.rmtree(path)


def _nothing() -> None:
    """Remove nothing: only the record of the session remains."""


def jobs(record: Record, url: str) -> Iterator[Leftover]:
    """Yield the jobs of the run that are still active on an external cluster."""
    access = rest_access(url, os.environ)
    if access.url not in record.named(JOBS):
        return
    rest = RestClient(access.url, access=access)
    for job in rest.jobs():
        config = rest.call("GET", f"/jobs/{job['jid']}/config").get("execution-config", {})
        of_run = config.get("user-config", {}).get(OWNER_PARAMETER) == record.run_id
        if job["state"] in _ACTIVE and of_run:
            why = f"run {record.run_id}, and {record.owner} is dead"
            yield Leftover("job", f"{job['jid']} at {access.url}", why, partial(rest.cancel, str(job["jid"])))


def topics(record: Record, bootstrap: str, properties: Path | None) -> Iterator[Leftover]:
    """Yield the topics of an external Kafka whose names start with the run's prefix."""
    if bootstrap not in record.named(TOPICS):
        return
    from flink_testbed.kafka.remote import RemoteKafka
    from flink_testbed.kafka.security import read_security
    from flink_testbed.kafka.topic_names import topic_prefix

    security = read_security(properties) if properties else None
    kafka = RemoteKafka(bootstrap, run_id=record.run_id, startup_timeout_s=_KAFKA_STARTUP_S, security=security)
    kafka.start()
    for topic in sorted(kafka.topics()):
        if topic.startswith(topic_prefix(record.run_id)):
            why = f"run {record.run_id}, and {record.owner} is dead"
            yield Leftover("topic", f"{topic} at {bootstrap}", why, partial(kafka.delete_topic, topic))
