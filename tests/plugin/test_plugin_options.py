"""Options of the plugin in a session: their sources, and the errors for invalid values."""

from __future__ import annotations

import os
import sys

import pytest
from plugin_project import Project, lines_of, scenario


@pytest.mark.parametrize(
    ("wrong", "code", "expected", "next_step"),
    [
        ("--flink-version=2.20", "FA410", "one of 1.20, 2.0,", "did you mean 2.2?"),
        ("--flink-version=1.19", "FA410", "one of 1.20, 2.0,", "choose a supported version"),
        ("--flink-tier=lokal", "FA421", "local, embedded, container, remote or auto", "did you mean local?"),
        ("--flink-tier=remote", "FA421", "the address of its REST API", "name it: --flink-rest-url="),
        ("--flink-engine=bundeled", "FA421", "auto, bundled or upstream", "did you mean bundled?"),
        ("--flink-parallelism=1.5", "FA421", "an int, at least 1", ""),
        ("--flink-startup-timeout=nan", "FA421", "seconds, above 0", "write a number"),
        ("--kafka-bootstrap=kafka://host", "FA421", "HOST:PORT, or several", "without kafka://"),
        ("--scenario-seed=dice", "FA421", "an int, at least 0, or random", ""),
        ("--scenario-runs=0", "FA421", "an int, at least 1", ""),
        ("--flink-agents=nope", "FA419", "a version such as 0.3.1, or the path of a wheel", "check the path"),
        ("--flink-job-python=nowhere/python", "FA417", "the python program of an environment", "check the path"),
    ],
)
def test_an_invalid_value_is_a_usage_error(project: Project, wrong: str, code: str, expected: str, next_step: str):
    project.scenarios("x", scenario("one"))
    result = project.run(wrong, tier="")
    assert result.ret == 4
    errors = [line for line in result.errlines if line]
    assert errors[0].startswith(f"ERROR: {wrong}: {code}: ")
    assert any(line.startswith("  expected: ") and expected in line for line in errors)
    assert not next_step or any(line.startswith("  next: ") and next_step in line for line in errors)
    assert not result.outlines
    assert not project.report.parent.exists()


def test_a_path_behind_the_gate_is_collected(project: Project):
    project.scenarios("x", scenario("one"))
    project.scenarios("y", scenario("two"))
    result = project.run("--flink-gate", "x.scenario.yaml")
    assert result.ret == 10
    result.assert_outcomes(passed=1)


def test_an_ini_value_is_named_as_such(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.scenarios("x", scenario("one"))
    project.write("pytest.ini", "[pytest]\nflink_version = 1.2\n")
    ini = project.run()
    monkeypatch.setenv("FLINK_AGENTS_TEST_FLINK_VERSION", "9.9")
    variable = project.run()
    assert (ini.ret, variable.ret) == (4, 4)
    ini.stderr.fnmatch_lines(
        ["ERROR: pytest.ini: flink_version = 1.2: FA410: *", "*1.20 written as a number, without quotes, becomes 1.2*"]
    )
    variable.stderr.fnmatch_lines(["ERROR: FLINK_AGENTS_TEST_FLINK_VERSION=9.9: FA410: *"])


def test_the_command_line_comes_before_the_environment_before_the_ini(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    project.scenarios("x", scenario("one"))

    def collected(*arguments: str) -> str:
        listed = project.run("--collect-only", "-q", *arguments).outlines
        return str(next(line.partition("[")[2] for line in listed if "::" in line))

    assert collected() == "local-2.2]"
    project.write("pytest.ini", '[pytest]\nflink_version = "2.0"\n')
    assert collected() == "local-2.0]"
    monkeypatch.setenv("FLINK_AGENTS_TEST_FLINK_VERSION", "2.1")
    assert collected() == "local-2.1]"
    assert collected("--flink-version=2.3") == "local-2.3]"


def test_the_report_goes_to_the_directory_of_the_option(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.scenarios("x", scenario("one"))
    monkeypatch.setenv("FLINK_AGENTS_TEST_FLINK_REPORT_DIR", "from-environment")
    result = project.run("--flink-report-dir=out/reports")
    assert result.ret == 0
    assert (project.path / "out/reports/latest/verdict.json").is_file()
    assert not (project.path / "from-environment").exists()
    project.write("taken", "")
    for gate in ((), ("--flink-gate",)):
        refused = project.run("--flink-report-dir=taken/reports", *gate)
        assert refused.ret == 4
        refused.stderr.fnmatch_lines(["ERROR: *taken/reports*: FA422: cannot write here", "*--flink-report-dir*"])
        assert "Traceback" not in lines_of(refused)


def test_a_placeholder_reads_only_variables_that_the_ini_allows(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_URL", "http://127.0.0.1:9")
    more = 'resources: {chat_model_connections: [{name: s, clazz: ollama, base_url: "${env.SHOP_URL}"}]}\n'
    project.scenarios("x", scenario("one", more=more))
    refused = project.run("--collect-only")
    project.write("pytest.ini", "[pytest]\nflink_scenario_env = SHOP_URL\n")
    allowed = project.run("--collect-only")
    assert (refused.ret, allowed.ret) == (2, 0)
    assert "FA210" in lines_of(refused)


def test_a_relative_path_on_the_command_line_is_relative_to_the_shell(project: Project):
    project.scenarios("x", scenario("one"))
    relative = os.path.relpath(sys.executable, project.path)
    result = project.run(f"--flink-job-python={relative}", "--collect-only")
    assert result.ret == 0
