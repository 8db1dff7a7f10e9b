"""Job environments built for real: killed half-way, by two sessions at once, with pins that fight, and as found."""

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

from flink_testbed.artifacts.environments import EnvironmentRequest, existing_environment, provide_environment
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError

pytestmark = pytest.mark.slow

_SESSION = """
import json
from flink_testbed.artifacts.environments import EnvironmentRequest, provide_environment
from flink_testbed.artifacts.versions import resolve_flink
said = []
environment = provide_environment(EnvironmentRequest(resolve_flink("2.2")), progress=said.append)
print(json.dumps({"python": str(environment.python), "said": said}))
"""


@dataclass(frozen=True, slots=True)
class Built:
    """What two sessions said that wanted the same environment right after a third had been killed while building it."""

    cache: Path
    sessions: tuple[dict[str, Any], ...]


def _start_session(cache: Path) -> subprocess.Popen[bytes]:
    env = os.environ | {
        "FLINK_AGENTS_TEST_CACHE_DIR": str(cache),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    return subprocess.Popen([sys.executable, "-c", _SESSION], env=env, stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """One killed builder, still unreaped as a zombie, then two sessions at once."""
    cache = tmp_path_factory.mktemp("cache")
    started = [_start_session(cache)]
    try:

        def building() -> tuple[Path | None, str]:
            found = [*cache.glob("environments/.*.partial/venv/bin/python")]
            return (found[0] if found else None), f"exit code {started[0].returncode}"

        wait_until(building, what="the first session to have made its venv", timeout_s=60)
        started[0].kill()
        # The next one builds, and the last one waits for it.
        started += [_start_session(cache), _start_session(cache)]
        answers = [session.communicate(timeout=300)[0] for session in started[1:]]
        yield Built(cache, tuple(json.loads(answer) for answer in answers))
    finally:
        for session in started:
            session.kill()
            session.wait()
            assert session.stdout
            session.stdout.close()


def test_two_sessions_at_once_build_once(built: Built) -> None:
    """Two sessions that want the same environment get the same one, which one of them has built."""
    first, second = built.sessions
    assert first["python"] == second["python"]
    assert sum("installing" in line for session in built.sessions for line in session["said"]) == 1


def test_nothing_of_a_killed_builder_stays(built: Built) -> None:
    """The half-built environment of a session ended by SIGKILL is gone after the next build."""
    assert list(built.cache.glob("environments/.*.partial")) == []


def test_the_moved_environment_runs(built: Built) -> None:
    """Its python imports Flink and flink-agents from where it is now, not from where it was built."""
    code = "import flink_agents.api, pyflink; print(flink_agents.__path__[0], pyflink.__path__[0])"
    python = Path(built.sessions[0]["python"])
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    places = [Path(place) for place in done.stdout.split()]
    assert all(place.is_relative_to(python.parents[1]) for place in places)


def test_a_kept_environment_is_used_again(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later session gets it without a word, and learns whether the upstream engine is there from the files."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(built.cache))
    said: list[str] = []
    environment = provide_environment(EnvironmentRequest(resolve_flink("2.2")), progress=said.append)
    assert said == []
    assert str(environment.python) == built.sessions[0]["python"]
    assert (environment.flink_version, environment.flink_agents_version) == ("2.2.1", "0.3.1")
    assert (environment.flink_home / "bin").is_dir()
    assert all(jar.is_file() for jar in environment.upstream_jars)
    assert bool(environment.upstream_jars) != bool(environment.upstream_reason)


def test_it_can_be_given_as_an_existing_one(built: Built) -> None:
    """``--flink-job-python`` takes its interpreter and finds the same versions and places."""
    environment = existing_environment(Path(built.sessions[0]["python"]))
    assert (environment.flink_version, environment.flink_agents_version) == ("2.2.1", "0.3.1")
    assert environment.flink_home == environment.site_packages / "pyflink"


def test_an_interpreter_without_flink_is_refused() -> None:
    """``--flink-job-python`` of an environment without apache-flink names what is missing and how to install it."""
    with pytest.raises(HostError) as caught:
        existing_environment(Path(sys.executable))
    (problem,) = caught.value.problems
    assert (problem.code, problem.seen) == ("FA417", "no apache-flink")
    assert "uv pip install" in problem.next_step


def test_pins_that_fight_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A requirement that flink-agents' own pin excludes: the error names both, and nothing is left behind."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path))
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=("pydantic==1.10",))
    with pytest.raises(HostError) as caught:
        provide_environment(request, progress=lambda _: None)
    (problem,) = caught.value.problems
    assert problem.code == "FA413"
    assert "pydantic==2.11.4" in problem.seen
    assert "pydantic==1.10" in problem.seen
    assert [path for path in tmp_path.glob("environments/*") if path.is_dir()] == []


def test_a_requirement_is_never_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario's requirement that looks like an option of the installer does not become one."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))
    elsewhere = tmp_path / "elsewhere"
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=(f"--target={elsewhere}",))
    with pytest.raises(HostError):
        provide_environment(request, progress=lambda _: None)
    assert not elsewhere.exists()
