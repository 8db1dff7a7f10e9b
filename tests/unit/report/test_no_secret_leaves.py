"""No writer of the report writes a secret, wherever it was planted."""

from __future__ import annotations

import ast
import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import pytest_flink_agents.report
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Event, Evidence, Failure, Output
from pytest_flink_agents.gate import ItemResult, Outcome, Policy, decide
from pytest_flink_agents.identity import GitState, Identity
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.event_writer import EventWriter
from pytest_flink_agents.report.failure_text import failure_text
from pytest_flink_agents.report.json_files import write_json, write_verdict
from pytest_flink_agents.report.junit import write_junit
from pytest_flink_agents.report.summary import write_summary
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.vocabulary import Tier

# Escaped differently by JSON, XML, Markdown tables and URLs.
SECRET = 'pl4nted"<&|\\/é-secret'
TRACES = ("pl4nted", base64.b64encode(SECRET.encode()).decode()[:12])


def _planted(form: str) -> list[ItemResult]:
    """Results with the secret in every text field."""
    text = f"x {form} y"
    return [
        ItemResult(
            node_id=text,
            name=text,
            outcome=outcome,
            tier=Tier.LOCAL,
            flink_version="2.2.1",
            engine=text,
            message=text,
            detail=text,
            file=text,
            evidence=text,
            requirement=text,
            reproduce=text,
        )
        for outcome in Outcome
    ]


def _text_of_a_run(form: str) -> str:
    finding = Finding(f"saw {form}", (), {form: form}, {form: [form], "more": "m" * 200}, key=form)
    run = Evidence(
        "local",
        "2.2.1",
        "bundled",
        outputs=(Output(form, form),),
        events=(Event("_e", {"a": form}, key=form),),
        failure=Failure(form, form, f"trace\n {form}", form, form, form, {form: form}),
        log_tail=f"log {form}",
    )
    where = [(form, [(1, form)])]
    results = [CheckResult("outputs", Validity.INVALID, (finding,))]
    return failure_text(results, run, where=where, reproduce=form, redactor=Redactor({"PLANTED_SECRET": SECRET}))


@pytest.mark.parametrize("form", [SECRET, base64.b64encode(SECRET.encode()).decode()])
def test_no_writer_writes_a_secret(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    redactor = Redactor({"PAYMENT_API_KEY": SECRET})
    results = _planted(form)
    policy = Policy(form, (Tier.LOCAL,))
    verdict = decide(results, policy)
    write_verdict(
        tmp_path / "verdict.json",
        verdict,
        policy,
        identity=Identity({form: form}),
        git=GitState(),
        started=form,
        finished=form,
        redactor=redactor,
    )
    evidence: Any = {"any": [form, {form: Path(form)}], "results": [dataclasses.asdict(result) for result in results]}
    write_json(tmp_path / "environment.json", evidence, redactor)
    write_junit(tmp_path / "junit.xml", results, started="now", redactor=redactor)
    write_summary(tmp_path / "summary.md", verdict, {form: form}, redactor)
    writer = EventWriter(tmp_path / "events.jsonl", redactor)
    writer.write("progress", message=form, more={form: [form]})
    writer.close()
    (tmp_path / "failure.txt").write_text(redactor.text(_text_of_a_run(form)), encoding="utf-8")
    shown = "\n".join(text for text, _ in verdict_lines(verdict, form, redactor))
    (tmp_path / "terminal.txt").write_text(shown, encoding="utf-8")
    for path in sorted(tmp_path.iterdir()):
        text = path.read_text(encoding="utf-8")
        assert "***" in text, path.name
        assert not [trace for trace in TRACES if trace in text], path.name
    assert capsys.readouterr().out == ""


def test_masked_files_still_parse(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": f"say {SECRET}", "n": 1}, Redactor({"API_KEY": SECRET}))
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"a": "say ***", "n": 1}


def test_every_writer_of_the_report_takes_a_redactor() -> None:
    # The first writes names that it made itself, the second texts that the other modules have masked.
    without_texts = {"directory.py", "files.py"}
    forgetful = []
    for path in sorted(Path(pytest_flink_agents.report.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if names & {"open", "write", "write_text", "write_bytes"} and "Redactor" not in names:
            forgetful.append(path.name)
    assert set(forgetful) <= without_texts
