"""SIGKILL of pytest sessions at random moments of their life."""

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

from pytest_flink_agents.cli.main import main
from tests.support.pytest_sessions import (
    REACHED_S,
    files_of,
    has_java,
    is_filled,
    job_runs,
    make_kafka_project,
    ports_of,
    require_nothing_left,
    start_pytest,
    wait_for,
)

NAP_S = 5.0
# Much shorter than the nap, so that the job still runs when a session is killed this long after it was seen to run.
LONGEST_DELAY_S = 2.5


def on_flink(project: Path, name: str) -> bool:
    """Return whether the run on Flink has written a file of that name."""
    return any("local" not in str(path.relative_to(project)) and is_filled(path) for path in files_of(project, name))


# The stages of a session, on a machine of any speed; each is followed by a random delay.
STAGES: dict[str, Callable[[Path], bool]] = {
    "it was started": lambda project: True,
    "the local run": job_runs,
    "the JVMs start": has_java,
    "the cluster is configured": lambda project: bool(ports_of(project)),
    "the job runs on Flink, between topics": lambda project: on_flink(project, "events-*.log"),
    "the job has ended": lambda project: on_flink(project, "evidence.json"),
}


def killed_at(stage: str, delay_s: float, project: Path, options: list[str], look: Callable[[int], None]) -> bool:
    """Send SIGKILL to a session ``delay_s`` seconds after a stage, beside an unrelated process that must survive.

    ``look`` gets the session's process id once all its processes are gone. Returns whether the session was killed at its
    stage: on a busy machine it may not have reached it in time, but then it was killed at another moment.
    """
    make_kafka_project(project, NAP_S)
    with subprocess.Popen(["sleep", "1800"], cwd=project) as unrelated:
        run = start_pytest(project, *options)
        try:
            # Rarely: each look at all processes and files takes processor time from the session.
            reached = wait_for(lambda: run.poll() is not None or STAGES[stage](project), REACHED_S, every_s=0.4)
            time.sleep(delay_s)
            run.kill()
            met = reached and run.wait(10) == -signal.SIGKILL
            require_nothing_left(project, unrelated.pid)
            look(run.pid)
            assert unrelated.poll() is None, "the unrelated process was killed"
            return met
        finally:
            run.kill()
            run.wait()
            unrelated.kill()


def kill_at_moments(
    count: int,
    directory: Path,
    options: Callable[[int], list[str]],
    *,
    at_once: int,
    look: Callable[[int], None] = lambda pid: None,
) -> None:
    """Kill ``count`` sessions, ``at_once`` at a time, at all stages in turn.

    ``options`` returns the options of the session with that number. More than half must be killed at their stages.
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
    assert len(met) > count // 2, f"seed {seed}: only these were killed at their stages: {met}"


def swept(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    """Run a sweep; return what it found and removed."""
    assert main(["sweep", "--json", *options]) == 0
    return list(json.loads(capsys.readouterr().out)["left"])
