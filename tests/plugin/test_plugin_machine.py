"""Faults of the machine are reported in words and make the verdict inconclusive."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from plugin_project import Project, lines_of, scenario

GATE = "--flink-gate"


def assert_inconclusive(project: Project, result: pytest.RunResult, *wanted: str) -> None:
    """Require exit code 10, errors instead of failures, every scenario not run, and the words in the output."""
    text = lines_of(result)
    verdict = project.verdict()
    assert result.ret == 10
    result.assert_outcomes(errors=2)
    assert (verdict["verdict"], verdict["counts"]["not_run"]) == ("inconclusive", 2)
    rules = [reason["rule"] for reason in verdict["reasons"] if reason["kind"] == "inconclusive"]
    assert rules == ["could not run", "could not run", "coverage", "coverage"]
    for words in wanted:
        assert words in text, f"{words!r} not in:\n{text}"
    assert "Traceback" not in text
    assert "raise HostError" not in text
    assert "The above exception" not in text


@pytest.fixture
def two(project: Project) -> Project:
    """A project with two scenarios, of which the second gets the first one's error at once."""
    project.scenarios("x", scenario("one"), scenario("two"))
    return project


@pytest.mark.slow
def test_a_cluster_that_is_not_ready_in_time_is_reported_with_logs_and_option(two: Project):
    result = two.run(GATE, "--flink-startup-timeout=0.01", tier="embedded")
    assert_inconclusive(
        two, result, "FA406: waited 0.01 s for", "  seen: ", "read the logs in", "--flink-startup-timeout"
    )


def test_a_job_python_without_flink_agents_names_the_missing_package(two: Project):
    if importlib.util.find_spec("pyflink"):
        pytest.skip("this interpreter holds Flink")
    result = two.run(GATE, f"--flink-job-python={sys.executable}")
    assert_inconclusive(two, result, "FA417: the job environment lacks apache-flink", "install both in one resolve")


def test_a_cache_that_cannot_be_written_is_reported_with_its_variable(two: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(two.write("taken", "") / "cache"))
    result = two.run(GATE)
    assert_inconclusive(two, result, "taken/cache", "FA422: cannot write here", "FLINK_AGENTS_TEST_CACHE_DIR")


def test_without_a_network_at_the_first_run_the_cache_stays_empty(two: Project, monkeypatch: pytest.MonkeyPatch):
    for name, folder in (("FLINK_AGENTS_TEST_CACHE_DIR", "cache"), ("UV_CACHE_DIR", "uv-cache")):
        monkeypatch.setenv(name, str(two.path / folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    result = two.run(GATE)
    assert_inconclusive(two, result, "FA414: no network at first run", "later runs need no", "--flink-job-python")
    shelf = two.path / "cache" / "environments"
    assert [path.name for path in shelf.iterdir() if path.is_dir()] == []


def test_an_agent_that_ends_its_process_fails_its_own_scenario_only(project: Project):
    project.scenarios("x", scenario("leaves", agent="shop:Leaves"), scenario("right"))
    result = project.run(GATE)
    assert result.ret == 1
    result.assert_outcomes(failed=1, passed=1)
    assert "the process ended with exit code 7 while action" in lines_of(result)
    assert "shop:Leaves" in lines_of(result)


def test_a_missing_container_engine_is_reported_with_its_address(two: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{two.path}/nobody.sock")
    result = two.run(GATE, tier="container")
    assert_inconclusive(two, result, "nobody.sock: FA470: no container engine answers", "--flink-tier=embedded")


def test_a_container_engine_on_another_machine_is_refused(two: Project, monkeypatch: pytest.MonkeyPatch):
    """Its containers would reach neither the run folder nor a port on loopback."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.invalid:2375")
    result = two.run(GATE, tier="container")
    assert_inconclusive(two, result, "FA475: the container engine is on another machine", "--flink-tier=remote")
