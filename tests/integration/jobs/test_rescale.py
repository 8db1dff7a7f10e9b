"""A job that is stopped with a savepoint resumes with another parallelism and loses nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.core import clock
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.responder import Responder
from pytest_flink_agents.provision.environment import TestEnvironment

pytestmark = pytest.mark.slow

KEYS = [f"k{number}" for number in range(7)]
GATED = "gated"


@pytest.fixture(scope="module")
def endless_jobs(session_environment: TestEnvironment) -> Iterator[Responder]:
    """The process that submits jobs."""
    jobs = session_environment.client_process(
        [str(Path(__file__).parents[2] / "support" / "endless_jobs.py")], name="endless jobs"
    )
    jobs.wait_ready(120)
    yield jobs
    jobs.kill()


class EndlessJob:
    """One job over its stops and restarts, from files to committed lines."""

    def __init__(self, jobs: Responder, cluster: FlinkCluster, directory: Path, mode: str) -> None:
        self._jobs = jobs
        self._cluster = cluster
        self._mode = mode
        self._inputs, self._outputs = directory / "inputs", directory / "outputs"
        self._inputs.mkdir(parents=True)
        self.gate = directory / "gate"
        self._job_id = ""

    def put(self, name: str, records: list[dict[str, Any]]) -> None:
        """Add a new file, which appears only when complete."""
        # Not beside the others: Flink logs an ERROR for a file that goes while it lists the directory.
        partial = self._inputs.with_name(f"{name}.partial")
        partial.write_text("".join(json.dumps(record) + "\n" for record in records))
        partial.rename(self._inputs / name)

    def start(self, parallelism: int, savepoint: str = "") -> None:
        """Submit the job and require that its agent has that parallelism."""
        answer = self._jobs.request(
            "submit",
            timeout_s=120,
            rest_url=self._cluster.rest_url,
            agent="tests.support.agents.napping:GatedTill",
            inputs=str(self._inputs),
            outputs=str(self._outputs),
            parallelism=parallelism,
            savepoint=savepoint,
            flink_config={"execution.checkpointing.interval": "300ms", "python.execution-mode": self._mode},
        )
        self._job_id = str(answer["job_id"])
        self._cluster.wait_for_tasks(self._job_id, timeout_s=120)
        vertices = self._cluster.rest.job(self._job_id)["vertices"]
        agent = next(vertex for vertex in vertices if "action-execute-operator" in vertex["name"])
        assert agent["parallelism"] == parallelism

    def outputs(self) -> dict[str, list[tuple[int, int]]]:
        """Return count and total of each committed output by key, in the order of the files."""
        found = defaultdict(list)
        for path in sorted(self._outputs.rglob("part-*"), key=lambda path: path.stat().st_mtime_ns):
            for line in path.read_text().splitlines():
                output = json.loads(line)
                found[output["key"]].append((output["count"], output["total"]))
        return dict(found)

    def wait_for_outputs(self, each: int, *keys: str) -> None:
        """Wait until each of the keys has that many committed outputs."""

        def probe() -> tuple[bool | None, str]:
            state = self._cluster.rest.job_state(self._job_id)
            assert state == "RUNNING", self._cluster.rest.root_exception(self._job_id)
            counts = {key: len(outputs) for key, outputs in self.outputs().items()}
            return (True if all(counts.get(key, 0) >= each for key in keys) else None), str(counts)

        clock.wait_until(probe, what=f"{each} outputs of each key", timeout_s=120)

    def stop(self) -> str:
        """Stop the job with a savepoint; return the savepoint's path."""
        savepoint = self._cluster.savepoint(self._job_id, stop=True, timeout_s=120)
        self._cluster.wait_for_job(self._job_id, "FINISHED", timeout_s=60)
        return savepoint


def purchases(first: int, count: int) -> list[dict[str, Any]]:
    """Return ``count`` purchases of each key, with the amounts ``first``, ``first`` + 1, ..."""
    return [{"key": key, "amount": first + number, "gate": None} for number in range(count) for key in [*KEYS, GATED]]


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_a_job_keeps_memory_and_pending_inputs_over_parallelism_1_2_and_1(
    endless_jobs: Responder, flink_cluster: FlinkCluster, tmp_path: Path, mode: str
) -> None:
    """Each key's outputs are the running totals of all its inputs, each once, in order.

    An unfinished asynchronous call, with the inputs queued behind it, passes through both
    savepoints; its outputs follow in the third run.
    """
    job = EndlessJob(endless_jobs, flink_cluster, tmp_path, mode)
    gated = {"key": GATED, "amount": 1000, "gate": str(job.gate)}
    job.put("first", [gated, *purchases(0, 20)])
    job.start(1)
    job.wait_for_outputs(20, *KEYS)
    savepoint = job.stop()

    job.put("second", purchases(20, 20))
    job.start(2, savepoint)
    job.wait_for_outputs(40, *KEYS)
    assert GATED not in job.outputs()
    savepoint = job.stop()

    job.put("third", purchases(40, 20))
    job.start(1, savepoint)
    job.gate.touch()
    job.wait_for_outputs(60, *KEYS)
    job.wait_for_outputs(61, GATED)
    job.stop()
    outputs = job.outputs()
    amounts = list(range(60))
    for key in KEYS:
        assert outputs.pop(key) == list(enumerate(accumulate(amounts), start=1))
    assert outputs == {GATED: list(enumerate(accumulate([1000, *amounts]), start=1))}
