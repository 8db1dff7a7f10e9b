"""Load scenario files as a pytest session of the project would."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from flink_testbed.core.problem import Problem
from pytest_flink_agents.cli.lint.project import project_of
from pytest_flink_agents.cli.lint.targets import Kind, Target, targets
from pytest_flink_agents.redact import one_line
from pytest_flink_agents.scenario.boundary.places import shown
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.configuration.finding import ERROR, WARNING, Finding, finding_of
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import load_file


def scenario_findings(paths: Sequence[Path], scenarios: Sequence[Target]) -> dict[Path, list[Finding]]:
    """Return the findings of each file.

    ``paths`` are the command's own: they decide the project, as pytest's do.
    """
    project = project_of(paths)
    found: dict[Path, list[Finding]] = {}
    for target in scenarios:
        try:
            loaded = load_file(target.path, project)
        except ScenarioError as error:  # noqa: PERF203 - files fail one by one
            found[target.path] = [_finding(problem, ERROR, target, project) for problem in error.problems]
        else:
            warnings = (warning for scenario in loaded for warning in scenario.warnings)
            found[target.path] = [_finding(problem, WARNING, target, project) for problem in warnings]
    return found


def _finding(problem: Problem, severity: str, target: Target, project: Project) -> Finding:
    file, *place = problem.where.rsplit(":", 2)
    # Not resolve(), which refuses a loop of links.
    own = shown(Path(os.path.realpath(target.path)), project.root.resolve())
    return dataclasses.replace(finding_of(problem, severity), file=file if place and file != own else "")


def list_scenarios(paths: Sequence[Path]) -> tuple[int, str]:
    """Return the exit code and a line for each scenario.

    It is 1 if a file cannot be loaded; ``lint`` says why.
    """
    project = project_of(paths)
    lines, failed = [], False
    for target in targets(paths):
        if target.kind is Kind.SCENARIO:
            try:
                loaded = load_file(target.path, project)
            except ScenarioError as error:
                failed = True
                number = len(error.problems)
                problems = "1 problem" if number == 1 else f"{number} problems"
                lines.append(f"{target.path}: {problems}, see flink-agents-gate lint {target.path}")
            else:
                lines += [f"{each.document.file}::{one_line(each.name)}" for each in loaded]
    return int(failed), "\n".join(lines)
