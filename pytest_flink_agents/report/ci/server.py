"""The CI server that a session runs on, as its environment variables describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# The name of the run's page among the facts of a session.
CI_RUN = "ci run"


@dataclass(frozen=True, slots=True)
class CiServer:
    """Facts of the CI server.

    ``prefix`` is the path of pytest's root directory inside the repository, empty if they are the same or nothing is
    known. ``run_url`` is the server's page on this run, ``artifacts_url`` leads to the files that a build uploads; both are
    empty if unknown. ``on_github`` is True on GitHub Actions; ``step_summary`` is the file that its page of a run shows,
    None elsewhere.
    """

    prefix: str = ""
    run_url: str = ""
    artifacts_url: str = ""
    on_github: bool = False
    step_summary: Path | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str], root: Path) -> CiServer:
        """Return the server that the variables of GitHub Actions, GitLab CI or Jenkins name."""
        if environ.get("GITHUB_ACTIONS") == "true":
            server, repository, run = (environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
            summary = environ.get("GITHUB_STEP_SUMMARY")
            url = f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
            return cls(
                _prefix(root, environ.get("GITHUB_WORKSPACE")),
                url,
                f"{url}#artifacts" if url else "",
                on_github=True,
                step_summary=Path(summary) if summary else None,
            )
        if environ.get("GITLAB_CI") == "true":
            job = environ.get("CI_JOB_URL", "")
            return cls(_prefix(root, environ.get("CI_PROJECT_DIR")), job, f"{job}/artifacts/browse" if job else "")
        build = environ.get("BUILD_URL")
        if environ.get("JENKINS_URL") and build:
            return cls(_prefix(root, environ.get("WORKSPACE")), build, f"{build.rstrip('/')}/artifact/")
        return cls()

    def path(self, file: str) -> str:
        """Return the path of a project's file from the root of the repository."""
        return str(PurePosixPath(self.prefix, file))


def _prefix(root: Path, workspace: str | None) -> str:
    if not workspace or not root.is_relative_to(workspace):
        return ""
    relative = root.relative_to(workspace).as_posix()
    return "" if relative == "." else relative
