"""Run pytest inside a job environment: ``python tests/run_in_job_environment.py PYTEST-ARGUMENTS``.

The bundled runtime's own tests import flink_agents, which the harness's environment does not have. The environment is
one of those that scenarios use, with pytest added, and what the model server of the testbed imports; what the tests see
besides is the source of runtime and testbed, nothing else.
"""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

from flink_testbed.artifacts.environments import EnvironmentRequest, provide_environment
from flink_testbed.artifacts.versions import resolve_flink

ROOT = Path(__file__).parents[1]
# flink-agents 0.3.1 asks for this or newer, and gives its client arguments that the newest no longer takes.
_ANTHROPIC = "anthropic==0.64.0"


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def run_tests(arguments: list[str], *, runtime: Path = ROOT / "runtime", quiet: bool = False) -> tuple[int, str]:
    """Build or find the environment, run pytest in it; returns its exit code and, where ``quiet``, what it said.

    ``runtime`` is the source of the bundled runtime that the tests see.
    """
    pins = tuple(
        f"{name}=={importlib.metadata.version(name)}" for name in ("pytest", "pytest-xdist", "filelock", "regex")
    )
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=(*pins, _ANTHROPIC))
    environment = provide_environment(request, progress=_tell)
    options = [
        "-p",
        "no:cacheprovider",
        # PyFlink's own, at its import.
        "-W",
        "ignore::DeprecationWarning",
        "-c",
        os.devnull,
        "--rootdir",
        str(ROOT),
        "--confcutdir",
        str(ROOT / "tests" / "runtime"),
    ]
    command = [str(environment.python), "-m", "pytest", *options, *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(runtime)},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout or ""


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1:])[0])
