"""A session of pytest on a copy of the runtime that has all known defects."""

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
from tests.known_bugs.defects import DEFECTS, NONE

_ROOT = Path(__file__).parents[2]
_PROJECT = Path(__file__).with_name("project")
_PACKAGE = "flink_agents_runtime"
_FILES = {"local": "local.scenario.yaml", "embedded": "flink.scenario.yaml"}
_FLINK = "2.2"
_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Session:
    """A session with the scenarios of one tier, which has ended, and its run folder."""

    report: Path
    tier: str

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict for programs."""
        return dict(json.loads((self.report / "verdict.json").read_text(encoding="utf-8")))

    def findings(self, scenario: str, bug: str = NONE) -> dict[str, tuple[str, str]]:
        """Return validity and findings, as text, of each check of a scenario's run with a defect, by check."""
        node_id = f"{_FILES[self.tier]}::{scenario}[bug={bug}][{self.tier}-{_FLINK}]"
        folder = node_folder(self.report, node_id)
        written = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
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


def run_session(directory: Path, tier: str) -> Session:
    """Run the scenarios of a tier on the damaged runtime."""
    project = directory / "project"
    shutil.copytree(_PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    damage(directory / "runtime")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            _FILES[tier],
            "--flink-gate",
            f"--flink-tier={tier}",
            f"--flink-version={_FLINK}",
        ],
        cwd=project,
        # Before the sources that are installed, for the harness as for the job environment.
        env={**os.environ, "PYTHONPATH": str(directory / "runtime")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    report = project / "flink-agents-report" / "latest"
    assert (report / "verdict.json").is_file(), done.stdout[-3000:] + done.stderr[-3000:]
    return Session(report.resolve(), tier)
