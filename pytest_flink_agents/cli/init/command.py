"""The ``init`` command: an example policy, or the file of a CI server."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pytest_flink_agents.policy.example import EXAMPLE
from pytest_flink_agents.settings import POLICY_FILE
from pytest_flink_agents.version import __version__

_FOLDER = Path(__file__).parent
# What the files of CI servers have instead of the version that they install.
_VERSION = "GATE_VERSION_HERE"


class _Start(NamedTuple):
    """A file to begin with: its source, the path at which its reader looks for it, and the next step."""

    source: Path
    path: str
    next_step: str


SERVERS = {
    "github": _Start(
        _FOLDER / "github.yml",
        ".github/workflows/flink-agents-gate.yml",
        "make the check `gate` required in the rules of the branch",
    ),
    "gitlab": _Start(_FOLDER / "gitlab.yml", ".gitlab-ci.yml", "require succeeded pipelines for merging"),
    "jenkins": _Start(_FOLDER / "Jenkinsfile", "Jenkinsfile", "point a pipeline job at it"),
}
_POLICY = _Start(EXAMPLE, POLICY_FILE, "its profiles are examples, see --flink-profile")


def init(server: str | None, output: Path | None, *, force: bool) -> tuple[int, str]:
    """Write the file of a CI server, or the example policy without a ``server``; return the exit code and a line.

    A file that exists is only replaced with ``force``.
    """
    start = SERVERS[server] if server else _POLICY
    path = output or Path(start.path)
    text = start.source.read_text(encoding="utf-8").replace(_VERSION, __version__)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return 2, f"{path} exists and was left as it is: --force replaces it, --output PATH writes another file"
    except OSError as error:
        return 2, f"{path} cannot be written: {error.strerror}"
    return 0, f"wrote {path}; next: {start.next_step}"
