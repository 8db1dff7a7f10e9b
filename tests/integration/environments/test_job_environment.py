"""Job environments: built by two sessions at once, after a killed build, with conflicting pins, and as given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.artifacts.environments import (
    EnvironmentRequest,
    JobEnvironment,
    existing_environment,
    install,
    provide_environment,
)
from flink_testbed.artifacts.interpreters import interpreter_for
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError

pytestmark = pytest.mark.slow

# Builds an entry of the cache as a session does; the seconds stand for the installer's work.
_SESSION = """
import json, sys, time
from flink_testbed.artifacts.cache import provide_entry
said = []
def build(directory):
    said.append("building")
    (directory / "half").touch()
    time.sleep(float(sys.argv[1]))
    return {}
entry = provide_entry("environments", "flink-0", build, needs_mib=0, progress=said.append)
print(json.dumps({"path": str(entry.path), "said": said}))
"""


@dataclass(frozen=True, slots=True)
class Built:
    """The answers of two sessions that wanted one entry right after a third was killed while building it."""

    cache: Path
    sessions: tuple[dict[str, Any], ...]


def _start_session(cache: Path, build_s: float) -> subprocess.Popen[bytes]:
    env = os.environ | {
        "FLINK_AGENTS_TEST_CACHE_DIR": str(cache),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    return subprocess.Popen([sys.executable, "-c", _SESSION, str(build_s)], env=env, stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """One killed builder, still unreaped as a zombie, then two sessions at once."""
    cache = tmp_path_factory.mktemp("cache")
    started = [_start_session(cache, 300)]
    try:

        def building() -> tuple[Path | None, str]:
            found = [*cache.glob("environments/.*.partial/half")]
            return (found[0] if found else None), f"exit code {started[0].returncode}"

        wait_until(building, what="the first session to begin building", timeout_s=60)
        started[0].kill()
        started += [_start_session(cache, 2), _start_session(cache, 2)]
        answers = [session.communicate(timeout=180)[0] for session in started[1:]]
        yield Built(cache, tuple(json.loads(answer) for answer in answers))
    finally:
        for session in started:
            session.kill()
            session.wait()
            assert session.stdout
            session.stdout.close()


def test_two_sessions_at_once_build_once(built: Built) -> None:
    first, second = built.sessions
    assert first["path"] == second["path"]
    assert [line for session in built.sessions for line in session["said"]].count("building") == 1


def test_the_next_build_removes_the_half_built_entry_of_a_killed_session(built: Built) -> None:
    assert list(built.cache.glob("environments/.*.partial")) == []


@pytest.fixture(scope="module")
def environment() -> JobEnvironment:
    """The environment that all sessions share, built now if no session did so before."""
    return provide_environment(EnvironmentRequest(resolve_flink("2.2")), progress=print)


def test_an_environment_runs_after_it_was_moved_to_its_final_name(environment: JobEnvironment) -> None:
    code = "import flink_agents.api, pyflink; print(flink_agents.__path__[0], pyflink.__path__[0])"
    done = subprocess.run([environment.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    places = [Path(place) for place in done.stdout.split()]
    assert all(place.is_relative_to(environment.python.parents[1]) for place in places)


def test_a_later_session_uses_the_environment_without_a_message(environment: JobEnvironment) -> None:
    said: list[str] = []
    again = provide_environment(EnvironmentRequest(resolve_flink("2.2")), progress=said.append)
    assert said == []
    assert again.python == environment.python
    assert (again.flink_version, again.flink_agents_version) == ("2.2.1", "0.3.1")
    assert (again.flink_home / "bin").is_dir()
    assert all(jar.is_file() for jar in again.upstream_jars)
    assert bool(again.upstream_jars) != bool(again.upstream_reason)


def test_flink_job_python_accepts_the_interpreter_of_an_environment(environment: JobEnvironment) -> None:
    given = existing_environment(environment.python)
    assert (given.flink_version, given.flink_agents_version) == ("2.2.1", "0.3.1")
    assert given.flink_home == given.site_packages / "pyflink"


def test_an_interpreter_without_flink_is_refused_with_the_install_command() -> None:
    with pytest.raises(HostError) as caught:
        existing_environment(Path(sys.executable))
    (problem,) = caught.value.problems
    assert (problem.code, problem.seen) == ("FA417", "no apache-flink")
    assert "uv pip install" in problem.next_step


def test_conflicting_pins_are_both_named_and_leave_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=("pydantic==1.10",))
    with pytest.raises(HostError) as caught:
        provide_environment(request, progress=lambda _: None)
    (problem,) = caught.value.problems
    assert problem.code == "FA413"
    assert "pydantic==2.11.4" in problem.seen
    assert "pydantic==1.10" in problem.seen
    assert [path for path in tmp_path.glob("environments/*") if path.is_dir()] == []


def test_a_requirement_that_looks_like_an_option_is_not_passed_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))
    elsewhere = tmp_path / "elsewhere"
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=(f"--target={elsewhere}",))
    with pytest.raises(HostError):
        provide_environment(request, progress=lambda _: None)
    assert not elsewhere.exists()


def test_a_changed_directory_is_installed_as_it_is_now(tmp_path: Path) -> None:
    """For one that a file names, uv takes the wheel that it built before."""
    lib = tmp_path / "lib"
    (lib / "shopkit").mkdir(parents=True)
    (lib / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "shopkit"\nversion = "1"\n[tool.setuptools]\npackages = ["shopkit"]\n'
    )
    interpreter, _ = interpreter_for(resolve_flink("2.2"))
    seen = []
    for version in ("1", "22"):
        (lib / "shopkit" / "__init__.py").write_text(f"version = {version}\n")
        directory = tmp_path / f"environment-{version}"
        directory.mkdir()
        install(directory, interpreter, ("packaging", "packaging", f"shopkit @ {lib.as_uri()}"))
        (installed,) = directory.glob("venv/lib/python*/site-packages/shopkit/__init__.py")
        seen.append(installed.read_text())
    assert seen == ["version = 1\n", "version = 22\n"]
