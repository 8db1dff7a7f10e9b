"""Upgrades of a team's own jobs: what must not be promoted, the other ways of a switch, SQL and a jar."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.timeline import acts
from tests.support.upgrade_runs import checked_job

pytestmark = pytest.mark.slow

JOBS = Path(__file__).parents[1] / "support" / "jobs"
TOPICS = '"${kafka.bootstrap}", "${input.topic}", "${output.topic}"'
UPGRADE = """\
version: "1"
name: each customer's total goes on
job: {job}
tiers: [embedded]
inputs:
  - generate: {{count: 24, keys: 3, value: {{amount: 1, number: "${{input.number}}"}}}}
upgrade:
  from: {before}
  after: {after}
{words}expect:
  delivery: {{outputs: exactly_once}}
  outputs: {{count: 24{distinct}}}
within: 120s
"""


def python(version: str) -> str:
    """Return a version of the job ``keyed_totals.py``."""
    return f'{{python: keyed_totals.py, args: [{TOPICS}, "${{kafka.connector}}", {version}]}}'


def upgrade(job: str, before: str, *, after: str = "{outputs: 5}", words: str = "") -> str:
    distinct = ', distinct: "[customer, total]"'
    return UPGRADE.format(job=job, before=before, after=after, words=words, distinct=distinct)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("moved", "the savepoint has state of an operator"),
        ("retyped", "the new state serializer"),
        ("anew", "the candidate began anew: it did not restore the savepoint that it was started from"),
        ("dropping", "the candidate dropped state of the savepoint"),
        # Flink refuses no state that an operator does not ask for: only the outputs show that it is gone.
        ("renamed", 'two outputs have the same [customer, total]: ["key-0", 1]'),
        ("process", "the candidate runs in another mode of Python, which does not find the state of the baseline"),
    ],
)
def test_a_next_version_that_does_not_take_the_state_is_no_pass(
    version: str, reason: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Else Flink starts a job again and again that fails while it restores.
    text = upgrade(python(version), f"{{job: {python('v1')}}}") + "flink_config: {restart-strategy.type: disable}\n"
    run = checked_job(text, tmp_path, request)
    assert run.validity is Validity.INVALID, run.text
    assert reason in run.text


@pytest.mark.parametrize(
    ("version", "before", "validity", "reason"),
    [
        ("v2", "twice", Validity.UNKNOWN, "the program submits 2 jobs: only a single one can be stopped"),
        ("twice", "v1", Validity.INVALID, "the savepoint has state of an operator that this job does not have"),
    ],
)
def test_a_program_of_two_jobs_is_no_version_and_leaves_none_behind(
    version: str,
    before: str,
    validity: Validity,
    reason: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    flink_cluster: FlinkCluster,
) -> None:
    run = checked_job(upgrade(python(version), f"{{job: {python(before)}}}"), tmp_path, request)
    assert run.validity is validity, run.text
    assert reason in run.text
    assert all(job.ended for job in flink_cluster.jobs())


def test_a_job_that_never_returns_is_not_stopped(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts, "_SAVEPOINT_S", 5.0)
    run = checked_job(
        upgrade(python("v2"), f"{{job: {python('stuck')}}}", after="{seconds: 3}", words="  inputs: 12\n"),
        tmp_path,
        request,
    )
    assert run.validity is Validity.UNKNOWN, run.text
    assert 'the job did not stop at the step "stop with a savepoint for the candidate"' in run.headline
    assert "the job could not be cancelled within 15 s" in run.text
    assert "the broker acknowledged" not in run.text


def test_the_last_checkpoint_of_a_cancelled_job_is_the_start(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    words = "  mode: last-state\n  in_flight: 3\n"
    run = checked_job(upgrade(python("v2"), f"{{job: {python('v1')}}}", words=words), tmp_path, request)
    assert run.valid, run.text
    assert run.evidence.upgrade is not None
    assert "/chk-" in str(run.evidence.upgrade.versions[1].restored)


def test_a_stateless_start_reads_on_where_the_group_stands(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # Flink's consumer returns every ten seconds without input, and commits only then what a checkpoint covers.
    words = "  mode: stateless\n  inputs: 12\n"
    text = upgrade(python("v2"), f"{{job: {python('v1')}}}", after="{checkpoint: 20}", words=words)
    run = checked_job(text.replace(', distinct: "[customer, total]"', ""), tmp_path, request)
    assert run.valid, run.text
    later = [output.value["total"] for output in run.evidence.outputs if output.value["version"] == "v2"]
    assert sorted(later) == sorted([1, 2, 3, 4] * 3), "totals begin anew"


def test_a_job_in_sql_goes_on_with_another_parallelism(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shutil.copy(JOBS / "running_totals.py", tmp_path)
    job = f'{{python: running_totals.py, args: [{TOPICS}, "${{kafka.connector}}"]}}'
    text = upgrade(job, "{parallelism: 2}").replace(', distinct: "[customer, total]"', "")
    run = checked_job(text, tmp_path, request)
    assert run.valid, run.text
    totals = sorted((output.input, output.value["total"]) for output in run.evidence.outputs)
    assert totals == [(number, number // 3 + 1) for number in range(24)]


@pytest.fixture
def jar(session_environment: TestEnvironment, tmp_path: Path) -> Path:
    """The job ``RunningTotals``, with Flink's Kafka connector in its jar, as a team builds it."""
    javac = shutil.which("javac")
    if javac is None:
        pytest.skip("not run: there is no Java compiler here to build the job with")
    session_environment.provide_connector()
    connector = session_environment.connector
    classes = [*(session_environment.flink_home.flink_home / "lib").glob("*.jar"), connector]
    compiled = tmp_path / "classes"
    command = [javac, "--release", "11", "-cp", ":".join(map(str, classes)), "-d", str(compiled)]
    subprocess.run([*command, str(JOBS / "RunningTotals.java")], check=True, timeout=120)
    built = tmp_path / "totals.jar"
    shutil.copy(connector, built)
    with zipfile.ZipFile(built, "a") as archive:
        for file in sorted(compiled.rglob("*.class")):
            archive.write(file, file.relative_to(compiled))
    return built


@pytest.mark.parametrize(("flink", "flink_before"), [("2.2", ""), ("2.3", 'flink: "2.2", ')])
def test_a_jar_is_upgraded_and_rolled_back(
    flink: str, flink_before: str, jar: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    job = f"{{jar: {jar.name}, main_class: shop.RunningTotals, args: [{TOPICS}, v2]}}"
    before = f"{{{flink_before}job: {{jar: {jar.name}, args: [{TOPICS}, v1]}}}}"
    run = checked_job(upgrade(job, before, words="  rollback: true\n"), tmp_path, request, flink)
    assert run.valid, run.text
    versions = {output.input: output.value["version"] for output in run.evidence.outputs}
    assert [versions[number] for number in (0, 7, 8, 15, 16, 23)] == ["v1", "v1", "v2", "v2", "v1", "v1"]
    require_flinks(run, "2.2", flink, "2.2")


def test_a_job_goes_on_on_the_next_flink(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    before = f'{{flink: "1.20", job: {python("v1")}}}'
    run = checked_job(upgrade(python("v2"), before), tmp_path, request)
    assert run.valid, run.text
    require_flinks(run, "1.20", "2.2")


def test_a_job_goes_on_on_flink_2_3_and_back(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    before = f'{{flink: "2.2", job: {python("v1")}}}'
    run = checked_job(upgrade(python("v2"), before, words="  rollback: true\n"), tmp_path, request, "2.3")
    assert run.valid, run.text
    require_flinks(run, "2.2", "2.3", "2.2")


def require_flinks(run: CheckedRun, *lines: str) -> None:
    """Require that the versions ran on these lines of Flink, one after the other."""
    assert run.evidence.upgrade is not None
    ran_on = [version.runs_on.split()[1] for version in run.evidence.upgrade.versions]
    assert [release.rpartition(".")[0] for release in ran_on] == list(lines)
