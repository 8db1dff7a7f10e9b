"""A team's project in a repository of its own, with services of its own: its code differs between commits."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.session import GateSession
from pytest_flink_agents.vocabulary import Tier

AGENTS = (Path(__file__).parent / "agents" / "versions.py").read_text(encoding="utf-8")
_IDENTITY = ("-c", "user.name=qa", "-c", "user.email=qa@localhost")


@dataclass(frozen=True, slots=True)
class TeamProject:
    """A project at ``root`` with the agents of ``versions.py``, and the running parts for its jobs on a ``tier``."""

    root: Path
    services: Services
    tier: Tier = Tier.EMBEDDED

    def release(self, tag: str, code: str) -> None:
        """Commit ``code`` as the project's agents, and tag the commit."""
        (self.root / "versions.py").write_text(code, encoding="utf-8")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", f"release {tag}")
        self._git("tag", tag)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *_IDENTITY, *arguments], cwd=self.root, check=True, capture_output=True)

    def checked(self, text: str, folder: Path, flink: str = "2.2") -> CheckedRun:
        """Return the result of a scenario of the project; ``folder`` gets its evidence."""
        file = self.root / f"{folder.name}.scenario.yaml"
        file.write_text(text, encoding="utf-8")
        (loaded,) = load_file(file, Project.of(self.services.settings))
        run = ScenarioRun(self.services, loaded, self.tier, resolve_flink(flink))
        run.provision()
        # Where jobs may read and write: below the folder of the session.
        return run.run_and_check(self.services.folder / folder.name, lambda seed: "again")


@contextmanager
def team_project(session: GateSession, folder: Path) -> Iterator[TeamProject]:
    """Yield a project whose repository has no commit yet."""
    root, runs = folder / "project", folder / "runs"
    root.mkdir(parents=True)
    runs.mkdir()
    (root / "versions.py").write_text(AGENTS, encoding="utf-8")
    settings = replace(session.services.settings, root=root, python_path=())
    services = Services(
        settings, directory=runs, progress=session.services.progress, redactor=session.services.redactor
    )
    project = TeamProject(root, services)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    try:
        yield project
    finally:
        services.close()
        shutil.rmtree(folder)
    assert not services.leaks
