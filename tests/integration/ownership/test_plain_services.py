"""Flink and Kafka as context managers of a program without pytest."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flink_testbed.core.clock import wait_until
from flink_testbed.ownership.leftovers import dead_records
from flink_testbed.ownership.process import clean_environment
from flink_testbed.ownership.session_record import Record
from pytest_flink_agents.cli.sweep.look import directories
from tests.support.documentation import ROOT

pytestmark = pytest.mark.slow


def _refuses(address: str) -> bool:
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


def _start(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.plain_services", str(directory)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("end", ["in order", "killed"])
def test_nothing_runs_after_the_program(end: str, tmp_path: Path) -> None:
    program = _start(tmp_path / "flink")
    assert program.stdin
    assert program.stdout
    facts = json.loads(program.stdout.readline())
    assert (facts["jobs"], facts["values"]) == (0, ["3"])
    below = psutil.Process(program.pid).children(recursive=True)
    assert len(below) >= 3
    assert not _refuses(facts["rest_url"])
    if end == "killed":
        program.kill()
    else:
        program.stdin.write("\n")
        program.stdin.flush()
    assert program.wait(60) == (0 if end == "in order" else -9)
    program.stdin.close()
    program.stdout.close()

    def ended() -> tuple[bool | None, str]:
        alive = [process.pid for process in below if process.is_running()]
        return (None if alive else True), f"{alive} still run"

    wait_until(ended, what="the processes to end", timeout_s=20)
    assert _refuses(facts["rest_url"])
    assert _refuses(facts["bootstrap"])
    assert (tmp_path / "flink" / "log").is_dir(), "the logs of a named directory stay"
    for record in [record for record in dead_records() if record.owner.pid == program.pid]:
        for leftover in directories(record):
            leftover.remove()
        Record(record.run_id, record.owner).write()
    assert not Path(facts["temporary"]).exists()
