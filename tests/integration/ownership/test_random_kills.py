"""SIGKILL of pytest at moments by chance: nothing of the session stays, and nothing of others is touched. Real parts."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flink_testbed.kafka.records import KafkaRecord
from flink_testbed.kafka.service import KafkaService, topic_name
from pytest_flink_agents.cli.main import main
from tests.integration.ownership.test_life_and_death import (
    files_of,
    has_java,
    is_filled,
    job_runs,
    make_project,
    ports_of,
    require_nothing_left,
    start_pytest,
    wait_for,
)

pytestmark = pytest.mark.slow

NAP_S = 3.0
# Shorter than the nap: who is killed so long after the job was seen to run is killed while it runs.
LONGEST_DELAY_S = 2.5
REACHED_S = 180.0


def on_flink(project: Path, name: str) -> bool:
    """Whether a file of the run on Flink is there, and not empty."""
    return any("local" not in str(path.relative_to(project)) and is_filled(path) for path in files_of(project, name))


# The way of a session, whatever the machine's speed; each is followed by a delay by chance.
STAGES: dict[str, Callable[[Path], bool]] = {
    "it was started": lambda project: True,
    "the local run": job_runs,
    "the JVMs start": has_java,
    "the cluster is told what to be": lambda project: bool(ports_of(project)),
    "the job runs on Flink, between topics": lambda project: on_flink(project, "events-*.log"),
    "the job is over": lambda project: on_flink(project, "evidence.json"),
}


def make_kafka_project(directory: Path, nap_s: float) -> Path:
    """A project whose scenario goes through Kafka wherever it runs on Flink."""
    project = make_project(directory, nap_s)
    scenario = project / "nap.scenario.yaml"
    promise = "expect: {delivery: {outputs: exactly_once}, "
    scenario.write_text(scenario.read_text().replace("expect: {", promise))
    return project


def killed_at(stage: str, delay_s: float, project: Path, options: list[str], look: Callable[[int], None]) -> bool:
    """SIGKILL a session ``delay_s`` seconds after it has reached a stage; a stranger's process in the same place lives on.

    ``look`` is told the session's process id, once all its processes here are gone. Returns whether it was met alive at its
    stage: a machine with too much to do may not have let it come so far, and where it was killed instead is a moment, too.
    """
    make_kafka_project(project, NAP_S)
    with subprocess.Popen(["sleep", "1800"], cwd=project) as decoy:
        run = start_pytest(project, *options)
        try:
            # Seldom: to look through all processes and files costs what the session could use.
            reached = wait_for(lambda: run.poll() is not None or STAGES[stage](project), REACHED_S, every_s=0.4)
            time.sleep(delay_s)
            run.kill()
            met = reached and run.wait(10) == -signal.SIGKILL
            require_nothing_left(project, decoy.pid)
            look(run.pid)
            assert decoy.poll() is None, "the decoy was killed"
            return met
        finally:
            run.kill()
            run.wait()
            decoy.kill()


def kill_at_moments(
    count: int,
    directory: Path,
    options: Callable[[int], list[str]],
    *,
    at_once: int,
    look: Callable[[int], None] = lambda pid: None,
) -> None:
    """Kill ``count`` sessions, ``at_once`` at a time, at all stages in turn; ``options`` gives those of a session by its number.

    More than half of them must be met alive at their stages.
    """
    seed = random.SystemRandom().randrange(2**32)
    moments = random.Random(seed)
    stages = list(STAGES)
    with ThreadPoolExecutor(at_once) as pool:
        runs = {}
        for number in range(count):
            stage, delay_s = stages[number % len(stages)], moments.uniform(0.0, LONGEST_DELAY_S)
            run = pool.submit(killed_at, stage, delay_s, directory / f"p{number}", options(number), look)
            runs[run] = f"{delay_s:.3f} s after {stage}"
    wrong = [f"{moment}: {run.exception()}" for run, moment in runs.items() if run.exception()]
    assert not wrong, f"seed {seed}: {wrong}"
    met = [moment for run, moment in runs.items() if run.result()]
    assert len(met) > count // 2, f"seed {seed}: only these were killed where they were to be: {met}"


def swept(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    """What a sweep has found and removed."""
    assert main(["sweep", "--json", *options]) == 0
    return list(json.loads(capsys.readouterr().out)["left"])


@pytest.mark.usefixtures("own_cache")
def test_sigkill_at_any_moment_leaves_nothing(
    tmp_path: Path, kafka_service: KafkaService, capsys, request: pytest.FixtureRequest
) -> None:
    """Twenty moments by chance (``--soak 5``: a hundred) between the start of a session and its end.

    Ten seconds later no process and no port is left. Half of the sessions are at a Kafka that is not their own: there their
    topics stay until a sweep that names it. A process in the same place lives on, and so do topics with names like theirs.
    """
    strangers = [topic_name("0123456789ab", "decoy"), "strangers-flink-agents-decoy"]
    before = kafka_service.topics()
    for name in strangers:
        kafka_service.create_topic(name)
        kafka_service.produce(name, [KafkaRecord(b"k", b"v")])
    named = f"--kafka-bootstrap={kafka_service.bootstrap}"
    try:
        kill_at_moments(
            20 * request.config.getoption("--soak"),
            tmp_path,
            lambda number: [named] if number // len(STAGES) % 2 else [],
            at_once=4,
        )
        found = swept(capsys, named)
        kinds = {left["kind"] for left in found}
        assert ("topic" in kinds, "process" in kinds) == (True, False), found
        assert kafka_service.topics() == before | set(strangers)
        assert [len(kafka_service.read_committed(name)) for name in strangers] == [1, 1]
        assert swept(capsys, named) == []
    finally:
        for name in kafka_service.topics().intersection(strangers):
            kafka_service.delete_topic(name)
