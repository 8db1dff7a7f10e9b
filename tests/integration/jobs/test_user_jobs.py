"""A user's own jobs through ``flink run``: Python programs with the Table API and a Java jar."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.core.directories import cache_root
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.job import check_ended
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.support.runs import JobRun, job_files, job_topics, run

pytestmark = pytest.mark.slow

# Before pytester gives the test another home: the job environment is not built anew.
CACHE = cache_root()
ROOT = Path(__file__).parents[3]
JOBS = ROOT / "tests" / "support" / "jobs"
PURCHASES = [("ada", 3), ("bob", 2), ("ada", 4), ("cy", 1), ("ada", 5)]


def inputs_of(purchases: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"amount": amount}} for key, amount in purchases]


def request_for(folder: Path, file: Path, *args: str, within_s: float = 120, main_class: str = "") -> JobRun:
    """Return a run of a program, by default with the inputs' file and the outputs' directory as arguments."""
    inputs = inputs_of(PURCHASES)
    given = args or (str(job_files(folder).values["input.path"]), str(job_files(folder).values["output.path"]))
    return JobRun(file, given, main_class, {"SCENARIO_WORD": "said"}, inputs, within_s, folder)


def totals(evidence: Evidence) -> dict[Any, list[int]]:
    found = defaultdict(list)
    for output in evidence.outputs:
        found[output.key].append(output.value["total"])
    return dict(found)


@pytest.fixture(scope="module")
def jar(session_environment: TestEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Java job, built by Maven against the classes of the cluster."""
    maven = shutil.which("mvn")
    if maven is None:
        pytest.skip("not run: there is no Maven here to build the Java job with")
    project = tmp_path_factory.mktemp("maven") / "java"
    shutil.copytree(JOBS / "java", project)
    lib = session_environment.flink_home.flink_home / "lib"
    version = session_environment.release.version
    built = subprocess.run(
        [
            maven,
            "--batch-mode",
            "--quiet",
            f"-Dflink.dist={lib / f'flink-dist-{version}.jar'}",
            f"-Dflink.files={lib / f'flink-connector-files-{version}.jar'}",
            "package",
        ],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return project / "target" / "totals.jar"


def test_the_evidence_of_a_python_table_job_has_outputs_job_id_and_client_log(
    session_environment: TestEnvironment, tmp_path: Path
) -> None:
    evidence = run(request_for(tmp_path, JOBS / "totals.py"), session_environment)
    assert evidence.failure is None, evidence.failure
    assert totals(evidence) == {"ada": [12], "bob": [2], "cy": [1]}
    assert evidence.job_state == "FINISHED"
    assert evidence.ui_url.endswith(f"/#/job/{evidence.job_id}/overview")
    assert evidence.job_id in Path(evidence.files["client"]).read_text()


def test_a_failing_java_job_is_reported_with_the_user_functions_exception(
    session_environment: TestEnvironment, tmp_path: Path, jar: Path
) -> None:
    request = request_for(tmp_path, jar, main_class="shop.TotalsJob")
    wrong = [*request.inputs, {"key": "dee", "value": {"amount": -1}}]
    evidence = run(JobRun(jar, request.args, request.main_class, {}, wrong, 120, tmp_path), session_environment)
    assert evidence.job_state == "FAILED"
    assert evidence.failure is not None
    assert "a purchase of -1 by dee" in evidence.failure.message


def test_a_program_that_raises_before_submission_is_reported_with_its_traceback(
    session_environment: TestEnvironment, tmp_path: Path
) -> None:
    """The variables of ``environment`` reach the program."""
    program = tmp_path / "raises.py"
    # Not at once: the client says nothing of a program that is over before the client looks.
    program.write_text(
        "import os, time; time.sleep(3)\nraise ValueError('no such topic: ' + os.environ['SCENARIO_WORD'])\n"
    )
    evidence = run(request_for(tmp_path / "run", program, "x"), session_environment)
    assert evidence.job_state == "FAILED"
    assert evidence.failure is not None
    assert evidence.failure.message == "ValueError: no such topic: said"
    assert 'raises.py", line 2' in evidence.failure.traceback
    assert evidence.job_id == ""


@pytest.mark.parametrize("after_s", [0, 3])
def test_a_program_that_submits_no_job_is_reported(
    session_environment: TestEnvironment, tmp_path: Path, after_s: int
) -> None:
    """It may end before or after the client has found it running."""
    program = tmp_path / "forgets.py"
    program.write_text(f"import time\ntime.sleep({after_s})\n")
    evidence = run(request_for(tmp_path / "run", program, "x"), session_environment)
    assert evidence.failure is not None
    assert evidence.failure.message == "the program ended without submitting a job"


def test_an_endless_job_over_topics_is_cancelled_when_its_outputs_are_complete(
    session_environment: TestEnvironment, kafka_service: KafkaService, tmp_path: Path
) -> None:
    """Each input led to one output, in order, and the topics are deleted."""
    topics = job_topics(inputs_of(PURCHASES), kafka_service, session_environment, "totals")
    args = [topics.values[name] for name in ("kafka.bootstrap", "input.topic", "output.topic", "kafka.connector")]
    request = dataclasses.replace(
        request_for(tmp_path, JOBS / "running_totals.py", *args), channel=topics, expected_outputs=len(PURCHASES)
    )
    evidence = run(request, session_environment)
    assert evidence.failure is None, evidence.failure
    assert totals(evidence) == {"ada": [3, 7, 12], "bob": [2], "cy": [1]}
    assert (evidence.job_state, evidence.stopped) == ("CANCELED", True)
    assert check_ended(evidence, 120).validity is Validity.VALID
    assert check_delivery(EXACTLY_ONCE, 1, evidence) == CheckResult("delivery", Validity.VALID)
    assert kafka_service.topics().isdisjoint(topics.values.values())


def test_a_job_over_topics_is_cancelled_at_its_deadline_if_outputs_are_missing(
    session_environment: TestEnvironment, kafka_service: KafkaService, tmp_path: Path
) -> None:
    topics = job_topics(inputs_of(PURCHASES), kafka_service, session_environment, "totals")
    args = [topics.values[name] for name in ("kafka.bootstrap", "input.topic", "output.topic", "kafka.connector")]
    request = request_for(tmp_path, JOBS / "running_totals.py", *args, within_s=8)
    evidence = run(
        dataclasses.replace(request, channel=topics, expected_outputs=len(PURCHASES) + 1), session_environment
    )
    assert (evidence.complete, evidence.stopped, evidence.timed_out_after_s) == (False, False, 8)
    assert len(evidence.outputs) <= len(PURCHASES)
    assert session_environment.cluster().rest.job_state(evidence.job_id) == "CANCELED"


def test_scenarios_run_python_and_java_jobs_on_flink_only(
    pytester: pytest.Pytester, jar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python with two agents, with one whose events are judged, Python over topics, and a jar."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(CACHE))
    root = pytester.path
    shutil.copy(JOBS / "running_totals.py", root)
    shutil.copy(jar, root)
    agents = root / JOBS.relative_to(ROOT)
    agents.mkdir(parents=True)
    for name in ("booked.py", "chained.py", "purchase_files.py", "purchases.py"):
        shutil.copy(JOBS / name, agents)
    head = 'version: "1"\ninputs: [{key: ada, value: {amount: 3}}, {key: ada, value: {amount: 4}}]\n'
    of_two = head.replace("]", ", {key: bob, value: {amount: 2}}]")
    args = 'args: ["${input.path}", "${output.path}"]'
    topics = 'args: ["${kafka.bootstrap}", "${input.topic}", "${output.topic}", "${kafka.connector}", bounded]'
    (root / "jobs.scenario.yaml").write_text(
        f"{head}name: agents\njob: {{python: tests/support/jobs/chained.py, {args}}}\n"
        "expect: {outputs: [{key: ada, value: {customer: ada, total: 3, elsewhere: 6, praised: 1}}, "
        "{key: ada, value: {customer: ada, total: 7, elsewhere: 8, praised: 2}}]}\n---\n"
        f"{head}name: agent\njob: {{python: tests/support/jobs/booked.py, {args}}}\n"
        "expect:\n  trajectory: {key: ada, match: exact, events: [_input_event, _output_event, _input_event, _output_event]}\n"
        "  latency: {max_ms: {max: 60000}}\n  metrics: {numOfEventProcessed: {equals: 4}}\n---\n"
        f"{head}name: topics\njob: {{python: running_totals.py, {topics}}}\nexpect:\n  delivery: {{outputs: exactly_once}}\n"
        "  outputs: [{key: ada, value: {total: 3}}, {key: ada, value: {total: 7}}]\n---\n"
        f"{of_two}name: java\njob: {{jar: totals.jar, main_class: shop.TotalsJob, {args}}}\n"
        "expect: {outputs: [{key: ada, value: {total: 3}}, {key: ada, value: {total: 7}}, {key: bob, value: {total: 2}}]}\n"
    )
    result = pytester.runpytest_subprocess("--flink-gate", "--flink-tier=embedded", "-rs", timeout=300)
    result.assert_outcomes(passed=4)
    verdict = json.loads((root / "flink-agents-report" / "latest" / "verdict.json").read_text())
    assert verdict["verdict"] == "promote"
    names = {Path(subject["name"]).name for subject in verdict["subjects"]}
    assert names == {"running_totals.py", "booked.py", "chained.py", "purchase_files.py", "purchases.py", "totals.jar"}
    local = pytester.runpytest_subprocess("--flink-gate", "--flink-tier=local", "-rs", timeout=300)
    assert local.ret == 10
    local.stdout.fnmatch_lines(["*not applicable: a scenario with a job runs on Flink only*"])
