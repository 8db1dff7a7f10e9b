"""The generated reference is complete: what the code has, a page has."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.codes.table import all_codes
from pytest_flink_agents.evidence.model import Evidence, Failure, Output
from pytest_flink_agents.gate import Policy, decide
from pytest_flink_agents.identity import GitState, Identity
from pytest_flink_agents.options import OPTIONS
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.event_writer import EventWriter
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.report.json_files import write_verdict
from pytest_flink_agents.scenario.matching.compiler import MATCHER_WORDS
from tests.support.documentation import ROOT
from tools.reference.command_line import commands
from tools.reference.contents import PAGES, pages
from tools.reference.examples import MissingExampleError, example_at
from tools.reference.matchers import MATCHERS, Documented, WrongExampleError, matchers_page
from tools.reference.options import VARIABLES
from tools.reference.report import EVIDENCE_FILE, SESSION_EVENT, VERDICT_FILE
from tools.reference.scenario import sections_of_language

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    return pages()


def test_every_page_is_in_the_navigation(reference: dict[str, str]) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [name for name in reference if f"reference/{name}" not in navigation] == []


def test_every_code_option_and_command_has_an_entry(reference: dict[str, str]) -> None:
    assert [code for code in all_codes() if f"### {code}: " not in reference["codes.md"]] == []
    assert [option.flag for option in OPTIONS if f"| `{option.variable}` |" not in reference["options.md"]] == []
    assert [command for command in commands() if f"## {command}\n" not in reference["cli.md"]] == []


def test_every_word_has_a_type_a_meaning_and_an_example(reference: dict[str, str]) -> None:
    for section in sections_of_language():
        for word in section.schema["properties"]:
            row = next(line for line in reference["scenario.md"].splitlines() if line.startswith(f"| `{word}` |"))
            assert len(re.split(r"(?<!\\)\|", row)) == 7, row
            assert f"`{word}: " in row or f"`` {word}: " in row, row


def test_a_word_without_an_example_is_detected() -> None:
    schema: dict[str, Any] = {"properties": {"version": {}, "new": {}}}
    with pytest.raises(MissingExampleError, match=r"no scenario has an example of new"):
        example_at(("new",), schema, [{"version": "1"}])


def test_every_matching_word_is_documented() -> None:
    assert {each.word for each in MATCHERS} == set(MATCHER_WORDS)


def test_a_matcher_that_does_not_do_what_the_page_says_is_detected() -> None:
    with pytest.raises(WrongExampleError, match="does not match"):
        matchers_page([Documented("contains", "{contains: cup}", "", "a pot", "a cup")])
    with pytest.raises(WrongExampleError, match="matches"):
        matchers_page([Documented("contains", "{contains: cup}", "", "a cup", "a cup of tea")])


def test_every_environment_variable_is_documented() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for package in ("pytest_flink_agents", "runtime/flink_testbed", "runtime/flink_agents_runtime")
        for path in (ROOT / package).rglob("*.py")
    )
    named = set(re.findall(r"\"(FLINK_AGENTS_(?:TEST_[A-Z_]*[A-Z]|MAVEN_MIRROR))\"", source))
    assert named - {option.variable for option in OPTIONS} <= set(VARIABLES)
    assert all(name in source or name.removeprefix("FLINK_AGENTS_TEST") in source for name in VARIABLES)


class EveryVariable(dict[str, str]):
    """An environment in which every variable is set."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "set"


def test_every_variable_that_a_job_inherits_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", EveryVariable())
    inherited = [name for name, value in clean_environment().items() if value == "set"]
    page = (ROOT / "docs" / "how-to" / "job-environments.md").read_text(encoding="utf-8")
    assert "PATH" in inherited
    assert [name for name in inherited if f"`{name}`" not in page] == []


def test_the_schema_of_the_verdict_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "verdict.json"
    write_verdict(
        file,
        decide([], Policy()),
        Policy(),
        identity=Identity({"shop/agents.py": "sha256:0"}),
        git=GitState(),
        started="2026-11-29T12:39:19+00:00",
        finished="2026-11-29T12:40:01+00:00",
        redactor=Redactor({}),
    )
    assert VERDICT_FILE.validate_json(file.read_bytes())["verdict"] == "inconclusive"
    data = json.loads(file.read_text(encoding="utf-8"))
    with pytest.raises(ValidationError):
        VERDICT_FILE.validate_python({**data, "more": 1})
    with pytest.raises(ValidationError):
        VERDICT_FILE.validate_python({name: value for name, value in data.items() if name != "subjects"})


def test_the_schema_of_the_evidence_is_that_of_the_file(tmp_path: Path) -> None:
    evidence = Evidence("local", "2.2.1", "bundled", outputs=(Output("ada", {"total": 3}, 0),), failure=Failure("no"))
    results = (CheckResult("outputs", Validity.INVALID, (Finding("too few", ("expect", "outputs", 0)),)),)
    write_evidence(tmp_path, evidence, results, Redactor({}))
    read = EVIDENCE_FILE.validate_json((tmp_path / "evidence.json").read_bytes())
    assert (read["evidence"], read["checks"]) == (evidence, list(results))


def test_the_schema_of_session_events_is_that_of_the_file(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events.jsonl", Redactor({}))
    writer.write("progress", message="starting")
    writer.close()
    event = SESSION_EVENT.validate_json((tmp_path / "events.jsonl").read_bytes())
    assert (event["kind"], set(event)) == ("progress", {"time", "kind", "message"})


def test_every_page_says_that_it_is_generated(reference: dict[str, str]) -> None:
    assert set(reference) == {"index.md", *PAGES}
    assert [name for name, text in reference.items() if not text.startswith("<!-- Generated by ")] == []
