"""The statement follows in-toto's test-result v0.1, and only *promote* is PASSED."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.attestation import ATTESTATION_FILE, Signer
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.identity import file_digest
from pytest_flink_agents.vocabulary import Tier


def item(name: str, outcome: Outcome, **fields: Any) -> ItemResult:
    return ItemResult(f"s::{name}", name, outcome, **{"tier": Tier.EMBEDDED, "file": "s.scenario.yaml"} | fields)


def read(folder: Path) -> Any:
    return json.loads((folder / ATTESTATION_FILE).read_text(encoding="utf-8"))


def test_the_subjects_are_everything_that_was_tested(attested: Callable[..., Path], project: Path) -> None:
    statement = read(attested())
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://in-toto.io/attestation/test-result/v0.1",
    )
    subjects = {one["name"]: one["digest"] for one in statement["subject"]}
    assert list(subjects) == [
        *("shop.py", "s.scenario.yaml", "conf/config.yaml", "policy.yaml", "2.2.1 package pandas-2.2.3")
    ]
    # As sha256sum prints it.
    assert subjects["shop.py"] == {"sha256": file_digest(project / "shop.py").removeprefix("sha256:")}
    assert subjects["shop.py"]["sha256"].startswith("0abae1e0ae72")
    configuration = [one["name"] for one in statement["predicate"]["configuration"]]
    assert configuration == ["s.scenario.yaml", "conf/config.yaml", "policy.yaml"]


def test_every_file_of_the_report_has_its_digest(attested: Callable[..., Path]) -> None:
    folder = attested()
    named = {one["name"]: one["digest"]["sha256"] for one in read(folder)["predicate"]["flinkAgentsGate"]["files"]}
    assert {"report.json", "report.html", "verdict.json", "summary.md", "junit.xml", "events.jsonl"} < set(named)
    assert [name for name in named if name.startswith("running/")] == []
    assert any(name.startswith("artifacts/") and name.endswith("evidence.json") for name in named)
    assert {name: file_digest(folder / name) for name in named} == {
        name: f"sha256:{one}" for name, one in named.items()
    }


@pytest.mark.parametrize(
    ("results", "verdict", "result"),
    [
        ([item("a", Outcome.PASSED)], "promote", "PASSED"),
        ([item("a", Outcome.PASSED), item("b", Outcome.UNKNOWN)], "inconclusive", "FAILED"),
        ([item("a", Outcome.PASSED, tier=Tier.LOCAL)], "inconclusive", "FAILED"),
        ([item("a", Outcome.PASSED), item("b", Outcome.FAILED)], "block", "FAILED"),
    ],
)
def test_only_promote_is_passed(
    results: list[ItemResult], verdict: str, result: str, attested: Callable[..., Path]
) -> None:
    predicate = read(attested(None, *results))["predicate"]
    assert (predicate["flinkAgentsGate"]["verdict"], predicate["result"]) == (verdict, result)


def test_a_test_that_did_not_pass_is_never_among_those_that_passed(attested: Callable[..., Path]) -> None:
    plain = {"tier": None}
    results = [item(outcome.value, outcome) for outcome in Outcome]
    results += [item("tolerated", Outcome.FLAKY, tolerated=True), item("skipped test", Outcome.SKIPPED, **plain)]
    predicate = read(attested(None, *results))["predicate"]
    assert predicate["passedTests"] == ["s::passed"]
    assert predicate["warnedTests"] == ["s::waived", "s::tolerated"]
    assert predicate["failedTests"] == ["s::failed", "s::flaky", "s::unknown", "s::not_run", "s::skipped"]


def test_a_signed_statement_is_in_an_envelope(attested: Callable[..., Path], signer: Signer) -> None:
    envelope = read(attested(signer))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert [one["keyid"] for one in envelope["signatures"]] == [signer.key_id]
    assert json.loads(base64.b64decode(envelope["payload"]))["predicate"]["result"] == "PASSED"


def test_a_session_without_a_subject_has_no_attestation(attested: Callable[..., Path], tmp_path: Path) -> None:
    from pytest_flink_agents.session import GateSession
    from pytest_flink_agents.settings import Settings

    session = GateSession(Settings(root=tmp_path, python_path=(), report_dir=tmp_path / "r"), lambda _: None)
    session.conclude(5)
    assert (session.folder / "verdict.json").exists()
    assert not (session.folder / ATTESTATION_FILE).exists()


def test_the_run_of_the_ci_server_is_named(attested: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL"):
        monkeypatch.delenv(name, raising=False)
    assert "url" not in read(attested())["predicate"]
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_JOB_URL", "https://ci.example/jobs/7")
    assert read(attested())["predicate"]["url"] == "https://ci.example/jobs/7"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "shop/agents")
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    assert read(attested())["predicate"]["url"] == "https://git.example/shop/agents/actions/runs/42"
