"""Tricks of a conftest.py, of a plain test, and of a plugin that reruns.

The checks of a scenario decide on its result, whatever a hook makes of pytest's report:

- `skip` by a hook or mark: *skipped*. Plain tests that are skipped, alone or with their file, are a remark.
- `xfail` by a hook or mark, a report that a hook rewrites: the failure blocks.
- `ScenarioItem.runtest` replaced by a function that does nothing: *could not judge*.
- a `pytest_sessionfinish` that sets exit code 0: the exit code is the verdict's all the same.
- `pytest.exit(returncode=0)` before the session has begun, also while plugins are configured, and
  `--collect-only`: exit code 10, and no verdict.
- `os._exit(0)`, another main function, a plugin that is unregistered: there is no verdict, and
  `latest` does not lead to the verdict of an earlier run. `-p no:flink_agents` is a usage error.
- a scenario file that is made to skip itself, or whose error of collection is hidden: *could not run*.
- reruns until it passes: *flaky*.

Not covered: a last `pytest_unconfigure` that sets exit code 0, after every other hook, is not seen. Code
in a conftest.py runs in the process that decides, and can replace the gate itself.
Only `verdict.json` counts, made by a session whose files are those that were reviewed.
"""

from __future__ import annotations

import pytest

from tests.false_promote.promote_reasons import GATE, assert_reasons, reasons
from tests.plugin.plugin_project import SETTLING_AGENT, Project, scenario

HOOKS = """
import pytest

from pytest_flink_agents.scenario_item import ScenarioItem

run = ScenarioItem.runtest
ScenarioItem.runtest = lambda item: None if "not run" in item.name else run(item)


def pytest_collection_modifyitems(items):
    for item in items:
        if "xfail mark" in item.name:
            item.add_marker(pytest.mark.xfail(reason="known"))
        if "skip mark" in item.name:
            item.add_marker(pytest.mark.skip(reason="later"))


def pytest_runtest_setup(item):
    if "skip hook" in item.name:
        pytest.skip("later")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if "rewritten" in item.name and report.when == "call":
        report.outcome, report.longrepr = "passed", None
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except BaseException as error:
        if "xfail hook" in item.name:
            pytest.xfail("known")
        if "swallowed" in item.name:
            return None
        raise


def pytest_sessionfinish(session):
    session.exitstatus = 0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure(config):
    config.exitstatus = 0
    return (yield)
"""
PLAIN = """
import pytest


@pytest.mark.skip(reason="later")
def test_skipped(): ...


@pytest.mark.xfail(reason="known", strict=False)
def test_known():
    assert 1 == 2
"""


def test_hooks_and_marks_do_not_change_the_result_of_a_scenario(project: Project) -> None:
    project.write("conftest.py", HOOKS)
    project.write("test_plain.py", PLAIN)
    names = ("xfail mark", "xfail hook", "swallowed", "rewritten", "skip mark", "skip hook", "not run")
    project.scenarios("x", *(scenario(name, said="bye") for name in names))
    project.run(GATE)
    wrong = "output 1 is not as expected"
    assert project.verdict()["verdict"] == "block"
    assert_reasons(
        project,
        [
            *(f"scenarios: x.scenario.yaml::{name}[local-2.2]: ...{wrong}" for name in names[:4]),
            *(f"skipped: x.scenario.yaml::{name}[local-2.2]: ...later" for name in names[4:6]),
            "could not judge: x.scenario.yaml::not run[local-2.2]: ",
        ],
    )
    assert reasons(project, kinds=("remark",)) == [
        "tests: skipped or expected to fail: test_plain.py::test_skipped and 1 more"
    ]


def test_the_exit_code_of_a_hook_changes_neither_the_verdict_nor_the_exit_code(project: Project) -> None:
    last = "import pytest\n\n\n@pytest.hookimpl(wrapper=True, tryfirst=True)\ndef pytest_sessionfinish(session):\n"
    project.write("conftest.py", f"{last}    yield\n    session.exitstatus = 0\n")
    project.scenarios("x", scenario("wrong", said="bye"))
    result = project.run(GATE)
    assert result.ret == 1
    assert "flink agents gate: the verdict is block: exit code 1" in result.stderr.str()
    assert project.verdict()["verdict"] == "block"


EARLY_ENDS = {
    "sessionstart": ("", "pytest_sessionstart"),
    "wrapper of sessionstart": ("wrapper=True, tryfirst=True", "pytest_sessionstart"),
    "configure": ("", "pytest_configure"),
    "first configure": ("tryfirst=True", "pytest_configure"),
    "last configure": ("trylast=True", "pytest_configure"),
}


@pytest.mark.parametrize("way", EARLY_ENDS)
def test_a_session_that_is_ended_before_it_begins_does_not_succeed(way: str, project: Project) -> None:
    options, hook = EARLY_ENDS[way]
    ending = (
        "    pytest.exit('bye', returncode=0)\n    yield\n" if "wrapper" in options else "    pytest.exit('bye', 0)\n"
    )
    project.write("conftest.py", f"import pytest\n\n\n@pytest.hookimpl({options})\ndef {hook}():\n{ending}")
    project.scenarios("x", scenario("wrong", said="bye"))
    assert project.run(GATE).ret == 10
    assert not (project.report / "verdict.json").exists()
    assert project.run().ret == 0


SKIPS = """
import pytest

from pytest_flink_agents.scenario_item import ScenarioFile

collect = ScenarioFile.collect


def skips_itself(self):
    if self.name.startswith("skips"):
        pytest.skip("later")
    return collect(self)


ScenarioFile.collect = skips_itself


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if report.failed:
        report.outcome, report.result, report.longrepr = "passed", [], None
    return report
"""


def test_a_file_that_skips_itself_or_hides_its_error_is_named(project: Project) -> None:
    project.write("conftest.py", SKIPS)
    project.write("test_plain.py", 'import pytest\n\npytest.skip("later", allow_module_level=True)\n')
    project.scenarios("skips", scenario("wrong", said="bye"))
    project.scenarios("broken", "nonsense: 1\n")
    project.scenarios("right", scenario("right"))
    assert project.run(GATE).ret == 10
    assert_reasons(
        project,
        [
            "could not run: skips.scenario.yaml: Skipped: later",
            "could not run: broken.scenario.yaml: ...FA204",
            "selection: skips.scenario.yaml looks like a scenario file",
        ],
    )
    assert reasons(project, kinds=("remark",)) == ["tests: skipped or expected to fail: test_plain.py"]


LEAVES = {
    "conftest.py at its import": ("conftest.py", "import os\n\nos._exit(0)\n"),
    "hook": ("conftest.py", "import os\n\n\ndef pytest_collection_finish():\n    os._exit(0)\n"),
    "test": ("test_leaves.py", "import os\n\n\ndef test_leaves():\n    os._exit(0)\n"),
    "another main": ("conftest.py", "def pytest_cmdline_main():\n    return 0\n"),
    "plugin unregistered": (
        "conftest.py",
        "def pytest_configure(config):\n    config.pluginmanager.unregister(name='flink_agents')\n",
    ),
}


@pytest.mark.parametrize("way", LEAVES)
def test_a_session_without_an_end_is_inconclusive_and_hides_the_one_before(way: str, project: Project) -> None:
    project.scenarios("x", scenario("right", more="tiers: [embedded]\n"))
    project.run(GATE)
    before = project.report.resolve()
    assert project.verdict()["verdict"] == "inconclusive"
    project.write(*LEAVES[way])
    project.run(GATE, ends=way not in ("hook", "test"))
    if way == "test":
        # Items were about to run: the report says that the session has not ended.
        assert project.report.resolve() != before
        assert "the session has not ended" in project.verdict()["reasons"][0]["message"]
        assert project.verdict()["verdict"] == "inconclusive"
    else:
        assert not (project.report / "verdict.json").exists()


def test_without_the_plugin_the_gate_is_an_unknown_option(project: Project) -> None:
    project.scenarios("x", scenario("right"))
    assert project.run(GATE, "-p", "no:flink_agents", tier="").ret == 4


def test_a_scenario_that_passes_when_it_is_rerun_is_flaky(project: Project) -> None:
    project.write("attempts.py", SETTLING_AGENT)
    project.scenarios("x", scenario("settles", agent="attempts:Settles"))
    assert project.run(GATE, "--reruns=3").ret == 10
    assert_reasons(project, ["flaky: x.scenario.yaml::settles[local-2.2]: "])
