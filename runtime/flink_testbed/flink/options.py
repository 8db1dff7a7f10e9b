"""Options of a Flink configuration that was written for another cluster.

The table says which of them belong to a job and which to the cluster, and which ones a run sets
itself, with the reason.

The sources are Flink's own option classes (1.20 to 2.3) and the options of :mod:`config`. The names in
``option_names.txt`` were read from those classes by reflection.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

PARALLELISM = "parallelism.default"
EXECUTION_MODE = "python.execution-mode"
JOB_PARAMETERS = "pipeline.global-job-parameters"
PARENT_FIRST = "classloader.parent-first-patterns.additional"


class Scope(str, Enum):
    """The owner of an option: one job, or the whole cluster."""

    JOB = "job"
    CLUSTER = "cluster"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Reserved:
    """Options that a run sets itself, or leaves out, and the reason.

    ``external`` is True if that holds on a cluster that the run did not start, too.
    """

    reason: str
    patterns: tuple[str, ...]
    external: bool = False


_JOB_PREFIXES = ("execution.", "pipeline.", "python.", "restart-strategy", "state.", "table.")
# Options with a prefix of jobs that only the cluster's own configuration sets.
_OF_CLUSTER = ("execution.batch.*", "state.backend.rocksdb.memory.fixed-per-tm")

_RESERVED: Sequence[Reserved] = (
    Reserved(
        "all processes of the test cluster listen on loopback, at ports that were free",
        (
            *("jobmanager.rpc.address", "jobmanager.rpc.port", "jobmanager.rpc.bind-port", "jobmanager.bind-host"),
            *("rest.address", "rest.port", "rest.path", "rest.bind-address", "rest.bind-port"),
            *("taskmanager.host", "taskmanager.bind-host", "taskmanager.network.bind-policy", "blob.server.port"),
            *(
                "taskmanager.rpc.port",
                "taskmanager.rpc.bind-port",
                "taskmanager.data.port",
                "taskmanager.data.bind-port",
            ),
            *("metrics.internal.query-service.port", "taskmanager.jmx*", "jmx.*", "queryable-state.*"),
        ),
    ),
    Reserved(
        "the files of a run stay in its own folder",
        (
            *("io.tmp.dirs", "web.tmpdir", "web.upload.dir", "web.log.path", "process.*", "blob.storage.directory"),
            *("execution.checkpointing.dir", "execution.checkpointing.savepoint-dir", "state.checkpoints.dir"),
            *("state.savepoints.dir", "state.backend.rocksdb.localdir", "state.backend.rocksdb.log.dir"),
            *("taskmanager.log.path", "taskmanager.state.local.root-dirs", "jobmanager.archive.*", "historyserver.*"),
            *("fs.*", "s3.*", "s3a.*", "presto.s3.*", "gs.*", "oss.*"),
        ),
    ),
    Reserved(
        "memory and slots fit this machine and all scenarios that run at the same time",
        (
            *("taskmanager.memory.*", "jobmanager.memory.*", "taskmanager.cpu.cores", "taskmanager.numberOfTaskSlots"),
            *("taskmanager.heap.*", "jobmanager.heap.*", "slotmanager.*", "fine-grained.*"),
        ),
    ),
    Reserved(
        "the test cluster is a standalone one on this machine",
        (
            *("high-availability*", "kubernetes.*", "yarn.*", "containerized.*", "external-resource*", "zookeeper.*"),
            *(
                "resourcemanager.*",
                "cluster.id",
                "cluster.registration.*",
                "jobmanager.resource-id",
                "job-result-store.*",
            ),
            *("taskmanager.resource-id", "flink.hadoop.*"),
        ),
    ),
    Reserved("a cluster on loopback has no credentials", ("security.*",)),
    Reserved("the test cluster has JVM flags of its own", ("env.*",)),
    Reserved(
        "metrics are read on loopback, every second",
        (
            *("metrics.reporter*", "traces.reporter*", "events.reporter*"),
            *("metrics.fetcher.update-interval", "web.refresh-interval"),
        ),
    ),
    Reserved(
        "pemja's library can be loaded by one class loader only",
        ("classloader.check-leaked-classloader", "classloader.parent-first-patterns.default"),
    ),
    Reserved(
        "the run's own job environment executes Python code",
        (
            *("python.executable", "python.client.executable", "python.files", "python.archives"),
            *("python.requirements", "python.pythonpath"),
        ),
        external=True,
    ),
    Reserved(
        "the run submits its job and ends it by itself",
        (
            *("execution.target", "execution.attached", "execution.shutdown-on-attached-exit", "execution.savepoint.*"),
            *("execution.state-recovery.path", "execution.job-listeners", "pipeline.jars", "pipeline.classpaths"),
            *("web.submit.enable", "web.cancel.enable", "web.rescale.enable", "$internal.*"),
        ),
        external=True,
    ),
)
_NEAR = 0.85
_COMPARED = 50
# The words by which Flink recognises secrets, and those of its file systems.
_SECRET = re.compile(
    r"password|secret|token|credential|jaas|api-?key|account\.key|auth-params|service-key|basic-auth|http-headers",
    re.IGNORECASE,
)


def scope_of(key: str) -> Scope:
    """Return the owner of an option; an unknown one is the cluster's."""
    if any(fnmatchcase(key, pattern) for pattern in _OF_CLUSTER):
        return Scope.CLUSTER
    return Scope.JOB if key == PARALLELISM or key.startswith(_JOB_PREFIXES) else Scope.CLUSTER


def reserved(key: str, *, external: bool = False) -> str:
    """Return the reason why a run sets this option itself, empty if it does not.

    ``external`` asks for a cluster that the run did not start.
    """
    if is_secret_option(key):
        return "secrets of a deployment are not written to the files of a test cluster"
    for row in _RESERVED:
        if (row.external or not external) and any(fnmatchcase(key, pattern) for pattern in row.patterns):
            return row.reason
    return ""


def is_secret_option(key: str) -> bool:
    """Return True if the value of an option must not be shown."""
    return _SECRET.search(key) is not None


def is_known(key: str) -> bool:
    """Return True if a supported release of Flink declares an option of this name."""
    return key in _names()


def nearest_option(key: str) -> str:
    """Return the option that an unknown key most resembles, empty without one.

    A key without the beginning of its name resembles the whole one: ``checkpointing.interval``.
    """
    whole = [name for name in sorted(_names()) if name.endswith(f".{key}")]
    near = whole[:1] if len(whole) == 1 else difflib.get_close_matches(key, sorted(_names()), n=1, cutoff=_NEAR)
    return near[0] if near else ""


def nearest_options(keys: Iterable[str]) -> dict[str, str]:
    """Return the nearest option of each unknown key that resembles one.

    A comparison with all names takes 30 ms, so only the first 50 unknown keys are compared.
    """
    unknown = dict.fromkeys(key for key in keys if not is_known(key))
    found = {key: nearest_option(key) for key in itertools.islice(unknown, _COMPARED)}
    return {key: near for key, near in found.items() if near}


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    lines = Path(__file__).with_name("option_names.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
