"""Run pytest inside a job environment: ``python tests/run_in_job_environment.py PYTEST-ARGUMENTS``.

The bundled runtime's own tests import flink_agents, which the harness's environment does not have. The environment is
one of those that scenarios use, with pytest added; what the tests see besides is the runtime's source, nothing else.
"""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

from flink_testbed.artifacts.environments import EnvironmentRequest, provide_environment
from flink_testbed.artifacts.versions import resolve_flink

ROOT = Path(__file__).parents[1]


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def main(arguments: list[str]) -> int:
    """Build or find the environment, run pytest in it, return its exit code."""
    pytest_pin = f"pytest=={importlib.metadata.version('pytest')}"
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=(pytest_pin,))
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
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "runtime")}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
