"""pytest as a user starts it, in a project of its own, and the processes, files and ports of that session."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

# A limit for a session to reach a stage, for busy machines: a quiet one takes a few seconds.
REACHED_S = 180.0
# A limit for a whole session, which takes a quiet machine less than half a minute.
SESSION_S = 600.0
AGENT = Path(__file__).with_name("agents") / "napping.py"
SCENARIO = """
version: "1"
name: a nap
agent: napping:NapAgent
inputs: [{key: a, value: 0.1}, {key: b, value: NAP_S}]
expect: {outputs: [{key: a, value: 0.1}, {key: b, value: NAP_S}]}
within: 180s
"""


def make_project(directory: Path, nap_s: float) -> Path:
    """Create a project with one agent and one scenario, which takes ``nap_s`` seconds."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "napping.py").write_text(AGENT.read_text())
    (directory / "nap.scenario.yaml").write_text(SCENARIO.replace("NAP_S", str(nap_s)))
    (directory / "pytest.ini").write_text("[pytest]\n")
    # A broken python on PATH: workers must run the job environment's own.
    (directory / "bin").mkdir()
    for name in ("python", "python3"):
        (directory / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (directory / "bin" / name).chmod(0o755)
    return directory


def make_kafka_project(directory: Path, nap_s: float) -> Path:
    """Create a project whose scenario goes through Kafka on every tier but the local one."""
    project = make_project(directory, nap_s)
    scenario = project / "nap.scenario.yaml"
    delivery = "expect: {delivery: {outputs: exactly_once}, "
    scenario.write_text(scenario.read_text().replace("expect: {", delivery))
    return project


def start_pytest(project: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start pytest on a project; its output goes to the project's ``pytest.out``."""
    with (project / "pytest.out").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "--flink-gate", *options],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A CI job in the background ignores SIGINT, and children inherit that; at a terminal they do not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no threads here
            env={**os.environ, "PATH": f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        )


def processes_of(project: Path) -> list[str]:
    """Return every process that works in the project or names it, with its process id first."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd", "status"]):
        facts = process.info
        words = [*(facts["cmdline"] or []), facts["cwd"] or ""]
        if facts["status"] != psutil.STATUS_ZOMBIE and any(str(project) in word for word in words):
            found.append(f"{facts['pid']} {' '.join(words)[:150]}")
    return found


def files_of(project: Path, pattern: str) -> list[Path]:
    """Return the files below the project whose names match.

    A running session may remove a directory meanwhile, which then counts as empty.
    """
    return [Path(where, name) for where, _, names in os.walk(project) for name in fnmatch.filter(names, pattern)]


def ports_of(project: Path) -> list[int]:
    """Return the ports in the configuration files of the session's clusters and brokers."""
    ports = []
    for config in files_of(project, "config.yaml"):
        for line in config.read_text().splitlines():
            name, _, value = line.partition(": ")
            if name in ('"rest.port"', '"jobmanager.rpc.port"'):
                ports.append(int(json.loads(value)))
    for properties in files_of(project, "broker-*.properties"):
        # A file that is still being written has no such line yet.
        for listeners in re.findall(r"^listeners=(.*)$", properties.read_text(), re.MULTILINE):
            ports += [int(address.rpartition(":")[2]) for address in listeners.split(",")]
    return ports


def wait_for(condition: Callable[[], bool], seconds: float, every_s: float = 0.05) -> bool:
    """Wait until the condition holds; return False if it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def has_java(project: Path) -> bool:
    """Return whether a JVM of the session runs."""
    return any("org.apache.flink" in line or "java" in line for line in processes_of(project))


def is_filled(path: Path) -> bool:
    """Return whether the file exists and is not empty."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False


def job_runs(project: Path) -> bool:
    """Return whether an agent has logged an event."""
    return any(map(is_filled, files_of(project, "events-*.log")))


def require_nothing_left(project: Path, *but: int) -> None:
    """Require that within ten seconds no process, except ``but``, and no listening port of the project is left.

    Called when the session has ended: what starts later may lease its ports.
    """
    ended_s = time.time()
    ours: list[str] = []

    def gone() -> bool:
        nonlocal ours
        ours = [line for line in processes_of(project) if int(line.split()[0]) not in but]
        return not ours

    assert wait_for(gone, 10), ours
    listening = {
        connection.laddr.port
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.status == psutil.CONN_LISTEN and not _began_after(ended_s, connection.pid)
    }
    assert not listening & set(ports_of(project))


def _began_after(time_s: float, pid: int | None) -> bool:
    """Return whether a process began after that time, in seconds since 1970, or has ended; False if it is not known."""
    try:
        return pid is not None and psutil.Process(pid).create_time() > time_s
    except psutil.NoSuchProcess:
        return True
