"""The wheel, installed into an empty environment, runs the README's first scenario without the source tree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import uv

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PACKAGES = ("pytest_flink_agents", "flink_testbed", "flink_agents_runtime")


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that holds the wheel and its dependencies, and a directory outside the source tree."""

    bin: Path
    directory: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment; what it writes to either stream is in ``stdout``."""
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.directory,
            env={name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_"))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("wheel")
    directory = home / "project"
    directory.mkdir()

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr

    build = ("--no-build-isolation", "--no-deps", "--disable-pip-version-check", "--quiet")
    run(sys.executable, "-m", "pip", "wheel", *build, f"--wheel-dir={home}", str(ROOT))
    (wheel,) = home.glob("*.whl")
    installer = uv.find_uv_bin()
    run(installer, "venv", "--quiet", f"--python={sys.executable}", str(home / "venv"))
    # The dependencies as the development environment has them: the newest ones of today would test those, too.
    pins = f"--constraints={ROOT / 'requirements' / 'dev.txt'}"
    run(installer, "pip", "install", "--quiet", f"--python={home / 'venv'}", pins, str(wheel))
    return Installed(home / "venv" / "bin", directory)


def test_its_packages_are_imported_from_the_environment(installed: Installed) -> None:
    done = installed.run(
        "python", "-c", f"import {', '.join(PACKAGES)}; print({'.__file__, '.join(PACKAGES)}.__file__)"
    )
    assert done.returncode == 0, done.stdout
    places = [Path(place) for place in done.stdout.split()]
    assert [place.parent.name for place in places] == list(PACKAGES)
    assert all(place.is_relative_to(installed.bin.parent) for place in places)


def test_its_command_explains_an_error_code(installed: Installed) -> None:
    done = installed.run("flink-agents-gate", "explain", "FA220")
    assert (done.returncode, "FA220" in done.stdout) == (0, True), done.stdout


def test_the_first_scenario_of_the_readme_promotes_on_both_tiers(installed: Installed) -> None:
    scenario = re.search(r"```yaml\n(version: .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert scenario
    (installed.directory / "first.scenario.yaml").write_text(scenario[1], encoding="utf-8")
    tiers = ("--flink-tier=local", "--flink-tier=embedded")
    done = installed.run("python", "-m", "pytest", "--flink-version=2.2", *tiers, "--flink-gate")
    assert done.returncode == 0, done.stdout
    report = installed.directory / "flink-agents-report" / "latest"
    verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    assert (verdict["verdict"], verdict["counts"]["passed"]) == ("promote", 2)
