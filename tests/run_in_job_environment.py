"""Run pytest inside a job environment: ``python tests/run_in_job_environment.py PYTEST-ARGUMENTS``.

The tests of the bundled runtime import flink_agents, which the harness's environment does not have.
The job environment is one of those that scenarios use, plus pytest and the dependencies of the
testbed's model server. The tests can import the sources of runtime and testbed, and nothing else of
this repository's environment.
"""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

from flink_testbed.artifacts.environments import EnvironmentRequest, provide_environment
from flink_testbed.artifacts.versions import resolve_flink

ROOT = Path(__file__).parents[1]
# The minimum of flink-agents 0.3.1, which passes arguments to the client that newer releases reject.
_ANTHROPIC = "anthropic==0.64.0"


def _report(line: str) -> None:
    sys.stderr.write(line + "\n")


def run_tests(arguments: list[str], *, runtime: Path = ROOT / "runtime", quiet: bool = False) -> tuple[int, str]:
    """Run pytest in the job environment; return its exit code, and its output if ``quiet``.

    ``runtime`` is the directory with the sources of runtime and testbed.
    """
    pins = tuple(
        f"{name}=={importlib.metadata.version(name)}" for name in ("pytest", "pytest-xdist", "filelock", "regex")
    )
    request = EnvironmentRequest(resolve_flink("2.2"), requirements=(*pins, _ANTHROPIC))
    environment = provide_environment(request, progress=_report)
    options = [
        "-p",
        "no:cacheprovider",
        # PyFlink warns at its own import.
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
