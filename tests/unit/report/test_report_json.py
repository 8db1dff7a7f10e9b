"""verdict.json and events.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.core import clock
from pytest_flink_agents import __version__
from pytest_flink_agents.gate import Policy, Verdict
from pytest_flink_agents.identity import GitState, Identity, digest_of
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.event_writer import EventWriter
from pytest_flink_agents.report.json_files import write_json, write_verdict
from pytest_flink_agents.vocabulary import Tier


def _written(path: Path, verdict: Verdict, policy: Policy) -> Any:
    write_verdict(
        path / "verdict.json",
        verdict,
        policy,
        identity=Identity({"shop/agents.py": "sha256:1"}),
        git=GitState(),
        started="2026-11-23T10:00:00+00:00",
        finished="2026-11-23T10:01:00+00:00",
        redactor=Redactor({}),
    )
    return json.loads((path / "verdict.json").read_text(encoding="utf-8"))


def test_the_verdict_file_has_exactly_the_fields_of_its_schema(
    tmp_path: Path, verdict: Verdict, policy: Policy
) -> None:
    data = _written(tmp_path, verdict, policy)
    assert list(data) == [
        *("schema_version", "verdict", "profile", "policy", "reasons", "rules", "counts", "waivers"),
        *("subjects", "scenarios", "configurations", "parts", "policies", "git", "policy_digest", "scenarios_digest"),
        *("identity_digest", "baseline", "started", "finished", "tool"),
    ]
    assert (data["schema_version"], data["verdict"], data["profile"]) == ("1", "block", "default")
    assert set(data["reasons"][0]) == {"kind", "rule", "severity", "actual", "limit", "message", "evidence", "node_id"}
    assert data["counts"] == {"passed": 2, "failed": 1, "flaky": 0, "skipped": 2, "waived": 1, "not_run": 2}
    assert data["waivers"] == [{"node_id": "s.yaml::known[local-2.2]", "message": "upstream #1", "owner": "payments"}]
    assert data["subjects"] == [{"name": "shop/agents.py", "digest": "sha256:1"}]
    assert data["git"] == {"commit": "", "dirty": None, "reason": ""}
    assert data["scenarios_digest"] != data["identity_digest"]
    assert data["tool"] == {"name": "pytest-flink-agents", "version": __version__}


def test_another_policy_has_another_digest(tmp_path: Path, verdict: Verdict, policy: Policy) -> None:
    digest = _written(tmp_path, verdict, policy)["policy_digest"]
    assert digest.startswith("sha256:")
    assert digest == _written(tmp_path, verdict, policy)["policy_digest"]
    assert digest != _written(tmp_path, verdict, Policy("strict", (Tier.LOCAL,)))["policy_digest"]


def test_a_digest_depends_on_the_borders_of_its_parts() -> None:
    assert digest_of([b"ab", b"c"]) != digest_of([b"a", b"bc"])
    assert digest_of([b"a"]) == digest_of(iter([b"a"]))


def test_any_json_parser_reads_the_file(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": float("nan"), "b": json.loads('"\\ud800"'), "c": "ü"}, Redactor({}))
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {"a": "nan", "b": "\\ud800", "c": "ü"}
    assert "ü" in text


def test_an_event_is_on_disk_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "wall_time_s", lambda: 1_763_900_000.25)
    writer = EventWriter(tmp_path / "events.jsonl", Redactor({}))
    writer.write("session_started")
    writer.write("item_finished", node_id="a\nb", duration_s=1.5, where=Path("x"))
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    writer.close()
    assert [json.loads(line) for line in lines] == [
        {"time": "2025-11-23T12:13:20.250+00:00", "kind": "session_started"},
        {
            "time": "2025-11-23T12:13:20.250+00:00",
            "kind": "item_finished",
            "node_id": "a\nb",
            "duration_s": 1.5,
            "where": "x",
        },
    ]


def test_events_are_appended(tmp_path: Path) -> None:
    for kind in ("one", "two"):
        writer = EventWriter(tmp_path / "events.jsonl", Redactor({}))
        writer.write(kind)
        writer.close()
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert kinds == ["one", "two"]
