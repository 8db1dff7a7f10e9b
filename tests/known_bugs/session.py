"""A session of pytest on scenarios of ``project``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_flink_agents.report.directory import node_folder
from tests.known_bugs.defects import DEFECTS

_ROOT = Path(__file__).parents[2]
_PROJECT = Path(__file__).with_name("project")
_PACKAGE = "flink_agents_runtime"
_LIMIT_S = 900


@dataclass(frozen=True, slots=True)
class Plan:
    """The scenarios of a session and their place: a file of ``project``, tier, version of Flink, other options."""

    file: str
    tier: str
    flink: str
    options: tuple[str, ...] = ()


LOCAL = Plan("local.scenario.yaml", "local", "2.2")
ON_FLINK = Plan("flink.scenario.yaml", "embedded", "2.2")


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has ended, and its run folder."""

    plan: Plan
    report: Path

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict for programs."""
        return dict(json.loads((self.report / "verdict.json").read_text(encoding="utf-8")))

    @property
    def counts(self) -> dict[str, int]:
        """The number of scenarios by outcome."""
        return {outcome: count for outcome, count in self.verdict["counts"].items() if count}

    def findings(self, scenario: str) -> dict[str, tuple[str, str]]:
        """Return validity and findings, as text, of each check of a scenario, by check."""
        node_id = f"{self.plan.file}::{scenario}[{self.plan.tier}-{self.plan.flink}]"
        written = json.loads((node_folder(self.report, node_id) / "evidence.json").read_text(encoding="utf-8"))
        return {
            result["check"]: (result["validity"], "\n".join(finding["message"] for finding in result["findings"]))
            for result in written["checks"]
        }


def damage(runtime: Path) -> None:
    """Copy the runtime to a directory, and put the breaks of all defects into the copy."""
    shutil.copytree(_ROOT / "runtime", runtime, ignore=shutil.ignore_patterns("__pycache__"))
    for broken in (each for defect in DEFECTS for each in defect.active_breaks()):
        file = runtime / _PACKAGE / broken.file
        file.write_text(broken.apply(file.read_text(encoding="utf-8")), encoding="utf-8")


def run_project(plan: Plan, directory: Path) -> Session:
    """Run the plan in a copy of the project, on a runtime with all defects, of which none is turned on."""
    project = directory / "project"
    shutil.copytree(_PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    damage(directory / "runtime")
    # Before the sources that are installed, for the harness as for the job environment.
    return Session(plan, run_pytest(project, plan, directory / "report", PYTHONPATH=str(directory / "runtime")))


def run_pytest(project: Path, plan: Plan, reports: Path, **variables: str) -> Path:
    """Run the scenarios of a plan in a project; return the run folder, which is below ``reports``."""
    where = (f"--flink-tier={plan.tier}", f"--flink-version={plan.flink}", f"--flink-report-dir={reports}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plan.file.split(), "--flink-gate", *where, *plan.options],
        cwd=project,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    report = reports / "latest"
    assert (report / "verdict.json").is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    return report.resolve()
