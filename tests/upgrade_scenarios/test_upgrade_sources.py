"""Where the version before an upgrade comes from: a commit, a stored savepoint, another environment."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flink_testbed.artifacts.interpreters import interpreter_for
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.current import session_of
from pytest_flink_agents.scenario.error import ScenarioError
from tests.support.team_project import AGENTS, TeamProject, team_project

pytestmark = pytest.mark.slow

JOBS = Path(__file__).parents[1] / "support" / "jobs"
UPGRADE = """\
version: "1"
name: {name}
agent: versions:{agent}
tiers: [embedded]
inputs:
  - generate: {{count: 36, keys: 3, value: {{customer: "${{input.key}}"}}}}
upgrade:
  from: {before}
  after: {{outputs: 5}}
  inputs: 12
  in_flight: 3
{words}expect:
  delivery: {{outputs: exactly_once}}
  outputs: {{count: 36, distinct: "[customer, count]"}}
within: 120s
"""


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamProject]:
    with team_project(session_of(request.config), tmp_path_factory.mktemp("team")) as made:
        yield made


@pytest.fixture
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamProject]:
    """A project whose code changes: processes of the other tests have imported theirs."""
    with team_project(session_of(request.config), tmp_path_factory.mktemp("repository")) as made:
        yield made


def test_the_version_before_runs_the_code_of_its_commit(repository: TeamProject, tmp_path: Path) -> None:
    # The same class with other code: both versions import the module versions, each its own one.
    repository.release(
        "v1.4.0", AGENTS.replace("class NextTill", "class Later").replace("class Till", "class NextTill")
    )
    (repository.root / "versions.py").write_text(AGENTS.replace("class Till", "class Earlier"), encoding="utf-8")
    words = "  rollback: true\n"
    run = repository.checked(
        UPGRADE.format(name="on and back", agent="NextTill", before="{git: v1.4.0}", words=words), tmp_path
    )
    assert run.valid, run.text
    upgrade = run.evidence.upgrade
    assert upgrade is not None
    assert [version.name for version in upgrade.versions] == ["baseline", "candidate", "baseline after the rollback"]
    versions = {output.input: output.value["version"] for output in run.evidence.outputs}
    assert [versions[number] for number in (0, 11, 18, 35)] == ["v1", "v1", "v2", "v1"]


@pytest.mark.parametrize(("before", "after"), [("1.20", "2.2"), ("2.2", "2.3")])
def test_a_state_of_the_flink_before_is_restored(before: str, after: str, project: TeamProject, tmp_path: Path) -> None:
    text = UPGRADE.format(name="the next Flink", agent="Till", before=f'{{flink: "{before}"}}', words="")
    run = project.checked(text, tmp_path, flink=after)
    assert run.valid, run.text


def test_the_version_before_has_its_own_environment_and_options(project: TeamProject, tmp_path: Path) -> None:
    before = (
        '{flink_agents: "0.3.0", requirements: [tomli==2.2.1], parallelism: 2, config: {num-async-threads: 3}, '
        "flink_config: {table.exec.state.ttl: 1 h}}"
    )
    text = UPGRADE.format(name="another environment", agent="NextTill", before=before, words="")
    run = project.checked(text, tmp_path)
    assert run.valid, run.text


FROM_STORED = """\
version: "1"
name: from a stored savepoint
agent: versions:{agent}
tiers: [embedded]
inputs:
  - generate: {{count: 9, keys: 3, value: {{customer: "${{input.key}}"}}}}
upgrade:
  from: {{savepoint: savepoints/{stored}, agent: "versions:Till"}}
{words}expect:
  delivery: {{outputs: exactly_once}}
  outputs: {{count: 9, distinct: "[customer, count]", each: {{partial: {{count: {{ge: {least}}}}}}}}}
within: 120s
"""


@pytest.fixture(scope="module")
def stored(project: TeamProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the savepoint of 3,000 inputs of 1,003 customers, which lies in another place than it was written."""
    text = UPGRADE.format(name="write a savepoint", agent="NextTill", before='{agent: "versions:Till"}', words="")
    # A state of less than 20 KiB would be inside _metadata.
    text = text.replace("count: 36, keys: 3", "count: 3009, keys: 1003").replace("count: 36,", "count: 3009,")
    text = (
        text.replace("in_flight: 3", "in_flight: 0")
        .replace("inputs: 12", "inputs: 3000")
        .replace("outputs: 5", "outputs: 3000")
    )
    run = project.checked(text, tmp_path_factory.mktemp("writer"))
    assert run.valid, run.text
    assert run.evidence.upgrade is not None
    written = Path(urlsplit(run.evidence.upgrade.versions[1].savepoint).path)
    directory = project.root / "savepoints" / "whole"
    directory.parent.mkdir()
    written.rename(directory)
    assert len([*directory.iterdir()]) > 1, "state in files of its own"
    return directory


def test_a_stored_savepoint_is_the_start_and_the_way_back_goes_on_from_it(
    project: TeamProject, stored: Path, tmp_path: Path
) -> None:
    before = sorted((file.name, file.read_bytes()) for file in stored.iterdir())
    words = "  rollback: true\n  after: {outputs: 2}\n"
    run = project.checked(FROM_STORED.format(agent="NextTill", stored="whole", least=4, words=words), tmp_path)
    assert run.valid, run.text
    assert run.evidence.upgrade is not None
    assert [version.name for version in run.evidence.upgrade.versions] == ["candidate", "baseline after the rollback"]
    assert sorted((file.name, file.read_bytes()) for file in stored.iterdir()) == before, (
        "the stored one is not touched"
    )


def test_a_stored_savepoint_names_what_the_next_version_lacks(
    project: TeamProject, stored: Path, tmp_path: Path
) -> None:
    run = project.checked(FROM_STORED.format(agent="RenamedTill", stored="whole", least=4, words=""), tmp_path)
    assert run.validity is Validity.INVALID
    assert "the candidate has no action receipt" in run.text


def test_a_truncated_savepoint_is_refused(project: TeamProject, stored: Path, tmp_path: Path) -> None:
    damaged = stored.with_name("truncated")
    shutil.copytree(stored, damaged)
    metadata = damaged / "_metadata"
    metadata.write_bytes(metadata.read_bytes()[:40])
    with pytest.raises(ScenarioError, match="FA206: Flink cannot read the savepoint"):
        project.checked(FROM_STORED.format(agent="Till", stored="truncated", least=4, words=""), tmp_path)


def test_a_savepoint_without_its_files_is_no_pass(project: TeamProject, stored: Path, tmp_path: Path) -> None:
    damaged = stored.with_name("without-files")
    shutil.copytree(stored, damaged)
    for file in damaged.iterdir():
        if file.name != "_metadata":
            file.unlink()
    # On Flink 2.2.1 the TaskManager ends itself while it restores.
    with pytest.raises(HostError, match="FA407"):
        project.checked(FROM_STORED.format(agent="Till", stored="without-files", least=4, words=""), tmp_path)


def test_the_state_of_another_python_is_restored(project: TeamProject, tmp_path: Path) -> None:
    other = next(minor for minor in ("3.10", "3.11") if minor != f"{sys.version_info.major}.{sys.version_info.minor}")
    try:
        interpreter_for(resolve_flink("2.2"), other)
    except HostError:
        pytest.skip(f"not run: there is no Python {other} here")
    text = UPGRADE.format(
        name="the next Python", agent="NextTill", before=f'{{python: "{other}"}}', words="  rollback: true\n"
    )
    run = project.checked(text, tmp_path)
    assert run.valid, run.text
    assert run.evidence.upgrade is not None
    ran_on = [version.runs_on.rpartition("Python ")[2] for version in run.evidence.upgrade.versions]
    assert [python.startswith(f"{other}.") for python in ran_on] == [True, False, True]


def test_the_job_before_is_the_file_of_its_commit(repository: TeamProject, tmp_path: Path) -> None:
    job = repository.root / "keyed_totals.py"
    now = (JOBS / job.name).read_text(encoding="utf-8")
    job.write_text(now.replace("version = sys.argv[1:]", 'version = [*sys.argv[1:-1], "v1"]'), encoding="utf-8")
    repository.release("v1.4.0", AGENTS)
    job.write_text(now, encoding="utf-8")
    topics = '"${kafka.bootstrap}", "${input.topic}", "${output.topic}", "${kafka.connector}"'
    text = UPGRADE.format(name="a job", agent="Till", before="{git: v1.4.0}", words="")
    text = text.replace("agent: versions:Till", f"job: {{python: {job.name}, args: [{topics}, v2]}}")
    text = text.replace("customer: ", 'amount: 1, number: "${input.number}", customer: ').replace(
        ", count]", ", total]"
    )
    run = repository.checked(text, tmp_path)
    assert run.valid, run.text
    versions = {output.input: output.value["version"] for output in run.evidence.outputs}
    assert [versions[number] for number in (0, 11, 18, 35)] == ["v1", "v1", "v2", "v2"]
