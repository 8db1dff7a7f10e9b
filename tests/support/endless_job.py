"""A job around an agent that ends only with a savepoint, and goes on from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flink_testbed.core import clock
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.responder import Responder
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.output_files import in_writing_order


@contextmanager
def endless_jobs(environment: TestEnvironment) -> Iterator[Responder]:
    """Start the process that submits jobs, until the block ends."""
    jobs = environment.client_process([str(Path(__file__).with_name("endless_jobs.py"))], name="endless jobs")
    try:
        jobs.wait_ready(120)
        yield jobs
    finally:
        jobs.kill()


class EndlessJob:
    """One job over its stops and restarts, from files to committed lines.

    ``agent`` is ``package.module:Class``, and ``mode`` Flink's ``python.execution-mode``. The option ``gate`` of the agent
    is the path of a file that a test creates.
    """

    def __init__(
        self,
        jobs: Responder,
        cluster: FlinkCluster,
        directory: Path,
        agent: str,
        mode: str,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self._jobs = jobs
        self._cluster = cluster
        self._agent = agent
        self._mode = mode
        self._config = dict(config or {})
        self._inputs, self._outputs = directory / "inputs", directory / "outputs"
        self._inputs.mkdir(parents=True)
        self.gate = directory / "gate"
        self.job_id = ""

    def put(self, name: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Add a new file, which appears only when complete."""
        # Not beside the others: Flink logs an ERROR for a file that goes while it lists the directory.
        partial = self._inputs.with_name(f"{name}.partial")
        partial.write_text("".join(json.dumps(record) + "\n" for record in records))
        partial.rename(self._inputs / name)

    def submit(self, parallelism: int = 1, savepoint: str = "") -> None:
        """Submit the job, which fails instead of being restarted."""
        answer = self._jobs.request(
            "submit",
            timeout_s=120,
            rest_url=self._cluster.rest_url,
            agent=self._agent,
            config={"gate": str(self.gate), **self._config},
            inputs=str(self._inputs),
            outputs=str(self._outputs),
            parallelism=parallelism,
            savepoint=savepoint,
            flink_config={
                "execution.checkpointing.interval": "300ms",
                "python.execution-mode": self._mode,
                "restart-strategy.type": "none",
            },
        )
        self.job_id = str(answer["job_id"])

    def start(self, parallelism: int = 1, savepoint: str = "") -> None:
        """Submit the job and require that its agent has that parallelism."""
        self.submit(parallelism, savepoint)
        self._cluster.wait_for_tasks(self.job_id, timeout_s=120)
        vertices = self._cluster.rest.job(self.job_id)["vertices"]
        agent = next(vertex for vertex in vertices if "action-execute-operator" in vertex["name"])
        assert agent["parallelism"] == parallelism

    def outputs(self) -> list[dict[str, Any]]:
        """Return the committed outputs in the order of the files."""
        files = in_writing_order(self._outputs.rglob("part-*"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def wait_for_outputs(self, each: int, *keys: str) -> None:
        """Wait until each of the keys has that many committed outputs."""

        def probe() -> tuple[bool | None, str]:
            state = self._cluster.rest.job_state(self.job_id)
            assert state == "RUNNING", self._cluster.rest.root_exception(self.job_id)
            found = [output["key"] for output in self.outputs()]
            counts = {key: found.count(key) for key in keys}
            return (True if min(counts.values()) >= each else None), str(counts)

        clock.wait_until(probe, what=f"{each} outputs of each key", timeout_s=120)

    def stop(self) -> str:
        """Stop the job with a savepoint; return the savepoint's path."""
        savepoint = self._cluster.savepoint(self.job_id, stop=True, timeout_s=120)
        self._cluster.wait_for_job(self.job_id, "FINISHED", timeout_s=60)
        return savepoint
