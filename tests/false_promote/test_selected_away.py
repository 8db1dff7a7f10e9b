"""Tricks that keep a failing scenario out of the session.

The scenario that would fail is left out, so that only right ones remain. Each way adds a reason
with the rule *selection*: `-k`, `-m`, `--deselect`, `PYTEST_ADDOPTS`, a node id and a hook that
drops items deselect runs; one named file, `--ignore`, `norecursedirs`, `collect_ignore` and a
wrong extension leave files uncollected, and so does a directory with the name of build results or with the
file of an environment. A tier that scenarios run on by default and that `--flink-tier` leaves out has a reason with the
rule *coverage*, which names them.

Not covered: a directory whose name begins with a dot, `node_modules`, a file without `scenario.yaml` at the end
of its name, and a document that was taken out of its file. What a policy requires (tags, requirements, a number
of scenarios) then has no run, and `diff` names what is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.false_promote.promote_reasons import GATE, reasons
from tests.plugin.plugin_project import Project, scenario

# No scenario here applies to the local tier: which of them are selected is decided before any runs.
ELSEWHERE = "tiers: [embedded]\n"
DESELECTED = "selection: 1 scenario run was deselected"
Prepare: TypeAlias = Callable[[Project], object]


def conftest(text: str) -> Prepare:
    return lambda project: project.write("conftest.py", text)


def ini(text: str) -> Prepare:
    return lambda project: project.write("pytest.ini", f"[pytest]\n{text}\n")


@pytest.mark.parametrize(
    ("arguments", "prepare", "wanted"),
    [
        pytest.param(("-k", "right"), None, DESELECTED, id="-k"),
        pytest.param(("-m", "good"), None, DESELECTED, id="-m"),
        pytest.param(("--deselect", "more/x.scenario.yaml"), None, DESELECTED, id="--deselect"),
        pytest.param(("-o", "addopts=-k right"), None, DESELECTED, id="addopts"),
        pytest.param(
            (),
            conftest(
                "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if 'right' in i.name]"
            ),
            DESELECTED,
            id="hook that drops items",
        ),
        pytest.param(
            (),
            conftest("def pytest_collection_finish(session):\n    session.items[:] = session.items[-1:]"),
            "could not run: more/x.scenario.yaml::wrong[local-2.2]: the session ended before it ran",
            id="hook that drops items when all are collected",
        ),
        pytest.param(
            ("right.scenario.yaml",),
            None,
            "selection: only a part of the scenarios was collected: right.scenario.yaml on the command line",
            id="one file",
        ),
        pytest.param(
            ("right.scenario.yaml::right[local-2.2]",),
            None,
            "selection: only a part of the scenarios was collected: right.scenario.yaml on the command line",
            id="node id",
        ),
        pytest.param(("--ignore", "more"), None, "selection: more/x.scenario.yaml looks like", id="--ignore"),
        pytest.param((), ini("norecursedirs = more"), "selection: more/x.scenario.yaml looks like", id="norecursedirs"),
        pytest.param(
            (), conftest("collect_ignore = ['more']"), "selection: more/x.scenario.yaml looks like", id="collect_ignore"
        ),
        pytest.param(
            (),
            conftest("def pytest_ignore_collect(collection_path):\n    return 'more' in str(collection_path) or None"),
            "selection: more/x.scenario.yaml looks like",
            id="hook that ignores files",
        ),
    ],
)
def test_a_scenario_that_is_left_out_is_named(
    arguments: tuple[str, ...], prepare: Prepare | None, wanted: str, project: Project
) -> None:
    project.scenarios("right", scenario("right", more=f"tags: [good]\n{ELSEWHERE}"))
    project.scenarios("more/x", scenario("wrong", said="bye", more=ELSEWHERE))
    if prepare:
        prepare(project)
    result = project.run(GATE, *arguments)
    assert result.ret == 10
    assert [reason for reason in reasons(project) if reason.startswith(wanted)]


def test_options_of_the_environment_and_files_of_another_name_are_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.scenarios("right", scenario("right", more=ELSEWHERE))
    for name in ("x_scenario.yaml", "X.Scenario.yaml", "scenarios.yml"):
        project.write(name, scenario("wrong", said="bye"))
    project.scenarios("more/x", scenario("wrong", said="bye", more=ELSEWHERE))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k right")
    assert project.run(GATE).ret == 10
    found = reasons(project)
    for wanted in (
        DESELECTED,
        "selection: x_scenario.yaml looks like",
        "selection: X.Scenario.yaml looks like",
        "selection: scenarios.yml looks like",
    ):
        assert [reason for reason in found if reason.startswith(wanted)], (wanted, found)


def test_a_directory_that_pytest_passes_over_hides_no_scenario(project: Project) -> None:
    project.scenarios("right", scenario("right", more=ELSEWHERE))
    project.write("old/pyvenv.cfg", "home = /usr/bin\n")
    hidden = ("suite/build/x", "dist/x", "old/x")
    for name in hidden:
        project.scenarios(name, scenario("wrong", said="bye", more=ELSEWHERE))
    assert project.run(GATE).ret == 10
    found = reasons(project)
    for name in hidden:
        assert f"selection: {name}.scenario.yaml looks like a scenario file and was not collected" in found


@pytest.mark.parametrize(
    ("tier", "names"),
    [("embedded", ["local"]), ("container", ["local", "embedded"]), ("local", ["embedded"])],
)
def test_a_tier_that_is_left_out_by_name_is_named_with_its_scenarios(
    tier: str, names: list[str], project: Project
) -> None:
    # An interpreter without flink-agents: nothing starts, and what is left out was decided before.
    project.scenarios("x", scenario("right"), scenario("right too", more="tiers: [local, embedded, container]\n"))
    project.scenarios("y", scenario("elsewhere", more="tiers: [remote]\n"))
    assert project.run(GATE, "--flink-job-python=/bin/false", tier=tier).ret == 10
    (left_out,) = [reason for reason in project.verdict()["reasons"] if "--flink-tier leaves out" in reason["message"]]
    assert (left_out["kind"], left_out["rule"]) == ("inconclusive", "coverage")
    shown = ", ".join(f"{name} (x.scenario.yaml::right and 1 more)" for name in names)
    assert left_out["message"].startswith(f"--flink-tier leaves out {shown}: add the tier, or let a policy say")
    assert left_out["actual"] == [f"x.scenario.yaml::right{each} on {name}" for name in names for each in ("", " too")]


def test_only_a_policy_that_names_its_tiers_allows_fewer(project: Project) -> None:
    project.scenarios("x", scenario("right"))
    policy = 'version: "1"\ndefault: one\nprofiles:\n  one: {{{require}}}\n'
    project.write("flink-agents-policy.yaml", policy.format(require="require: {scenarios: 1}"))
    assert project.run(GATE).ret == 10
    assert [reason["rule"] for reason in project.verdict()["reasons"]] == ["coverage"]
    project.write("flink-agents-policy.yaml", policy.format(require="require: {tiers: [local], scenarios: 1}"))
    assert project.run(GATE).ret == 0


def test_scenarios_outside_of_testpaths_are_a_remark(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ntestpaths = suite\n")
    project.scenarios("suite/right", scenario("right", more=ELSEWHERE))
    project.scenarios("more/x", scenario("wrong", said="bye", more=ELSEWHERE))
    assert project.run(GATE).ret == 10
    assert "selection: scenario files outside of the directories that were asked for: more/x.scenario.yaml" in reasons(
        project, kinds=("remark",)
    )
