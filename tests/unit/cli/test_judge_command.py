"""``judge``: a stored session is decided anew, by another policy, without running anything."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.cli.main import main
from pytest_flink_agents.evidence.failed_run import FailedCheck, FailedFinding, FailedRun
from pytest_flink_agents.gate import Figure, ItemResult, Outcome, Selection
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.stored_run import REPORT_FILE, StoredRun, read_run, write_run
from pytest_flink_agents.vocabulary import Promise, Standing, Tier

POLICY = """version: "1"
default: strict
profiles:
  strict:
    require: {{tiers: [embedded], tags: [{tag}]}}
    limits: [{{tokens: {tokens}}}]
    waivers:
      - {{scenario: s.scenario.yaml::wrong, check: {check}, reason: r, owner: o, until: "{until}"}}
"""
WRONG = FailedRun((FailedCheck("logs", True, (FailedFinding("an ERROR line"),)),), "the job failed")


def item(name: str, outcome: str = "passed", **fields: Any) -> ItemResult:
    figures = {"tokens": Figure(12)}
    node_id = f"s.scenario.yaml::{name}[embedded-2.2]"
    given = {"tier": Tier.EMBEDDED, "file": "s.scenario.yaml", "figures": figures, "tags": ("refunds",)} | fields
    return ItemResult(node_id, name, Outcome(outcome), **given)


def stored(*results: ItemResult, **fields: Any) -> StoredRun:
    run = StoredRun(results, Selection(elsewhere=("x.scenario.yaml",)), (Tier.EMBEDDED,), (Tier.EMBEDDED,), 0)
    return dataclasses.replace(run, **fields)


FAILED = stored(item("right"), item("wrong", "failed", failed_runs=(WRONG,)), pytest_exit=1)


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Judge a stored run, by the words of the policy or without one."""
    monkeypatch.chdir(tmp_path)

    def judge(run: StoredRun, *arguments: str, **words: Any) -> tuple[int, str]:
        write_run(tmp_path, run, Redactor({}))
        given = {"tag": "refunds", "tokens": 100, "check": "logs", "until": "2020-01-31"} | words
        if words:
            (tmp_path / "flink-agents-policy.yaml").write_text(POLICY.format(**given), encoding="utf-8")
        code = main(["judge", str(tmp_path), *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return judge


def test_a_stored_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    promises = (Promise("live again", Standing.BROKEN, "it is gone"),)
    run = stored(
        item("right", promises=promises, repeats=3),
        item("wrong", "failed", failed_runs=(WRONG,), figures={"tokens": Figure(None, "no metrics")}),
        item("plain", tier=None),
        changed=("shop.py",),
    )
    write_run(tmp_path, run, Redactor({}))
    assert read_run(tmp_path) == run


@pytest.mark.parametrize(
    ("run", "words", "code"),
    [
        (stored(item("right")), {}, 0),
        (stored(item("right")), {"tag": "refunds"}, 0),
        (stored(item("right")), {"tag": "payments"}, 10),
        (stored(item("right")), {"tokens": 11}, 1),
        (stored(item("right"), selection=Selection(deselected=1)), {"tag": "refunds"}, 10),
        (stored(item("right"), changed=("shop.py",)), {"tag": "refunds"}, 10),
        (stored(item("right"), pytest_exit=2), {"tag": "refunds"}, 10),
        (stored(), {"tag": "refunds"}, 10),
        (FAILED, {}, 1),
        # Its waiver has expired.
        (FAILED, {"check": "logs"}, 1),
    ],
)
def test_the_exit_code_is_that_of_the_gate(run: StoredRun, words: dict[str, Any], code: int, judged: Any) -> None:
    assert judged(run, **words)[0] == code


def test_a_waiver_that_was_added_later_counts(judged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flink_testbed.core.clock.wall_time_s", lambda: 1_795_900_000.0)  # 2026-11-29
    code, text = judged(FAILED, until="2026-12-31")
    assert (code, text.splitlines()[0]) == (0, "PROMOTE  2 scenarios on embedded-: 1 passed, 1 waived")
    assert "policy: flink-agents-policy.yaml, profile strict: 3 of 3 rules met" in text
    assert judged(FAILED, until="2026-12-31", check="latency")[0] == 1


def test_the_answer_for_programs_names_every_rule(judged: Any) -> None:
    code, text = judged(stored(item("right")), "--json", tag="payments")
    verdict = json.loads(text)
    assert (code, verdict["verdict"], verdict["profile"]) == (10, "inconclusive", "strict")
    assert [(one["rule"], one["answer"]) for one in verdict["rules"]] == [
        ("require.tiers", "met"),
        ("require.tags", "not met"),
        ("limits[0].tokens", "met"),
    ]


def test_what_cannot_be_judged_is_refused(judged: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", str(tmp_path / "missing")]) == 2
    assert "FA430: there is no stored run" in capsys.readouterr().err
    os.mkfifo(tmp_path / REPORT_FILE)
    assert main(["judge", str(tmp_path)]) == 2
    assert "a FIFO instead of a regular file" in capsys.readouterr().err
    (tmp_path / REPORT_FILE).unlink()
    code, text = judged(stored(item("right")), "--profile=relaxed", tag="refunds")
    assert (code, "FA305: there is no profile 'relaxed'" in text) == (2, True)
    code, text = judged(stored(item("right")), "--policy=other.yaml")
    assert (code, "FA307" in text) == (2, True)


def test_figures_are_compared_with_those_of_another_session(judged: Any, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    write_run(tmp_path / "old", stored(item("right", figures={"tokens": Figure(10)})), Redactor({}))
    policy = 'version: "1"\ndefault: strict\nprofiles: {strict: {baseline: [{tokens: 10%}]}}\n'
    (tmp_path / "flink-agents-policy.yaml").write_text(policy, encoding="utf-8")
    code, text = judged(stored(item("right")), "--baseline=old")
    assert code == 1
    assert "block: policy: baseline[0].tokens: at most 10 % above the baseline: not met: 10 -> 12 in s.scenario" in text
    assert "    tokens: 10 -> 12, +2 (+20 %), s.scenario.yaml::right[embedded-2.2]" in text
    code, text = judged(stored(item("right")), "--baseline=old/report.json", "--json")
    compared = json.loads(text)["baseline"]
    assert (compared["name"], len(compared["digest"])) == ("old/report.json", 71)
    assert compared["figures"][1] == {
        "node_id": "s.scenario.yaml::right[embedded-2.2]",
        "figure": "tokens",
        "before": {"value": 10.0, "reason": "", "final": True},
        "now": {"value": 12.0, "reason": "", "final": True},
    }
    (tmp_path / "old" / REPORT_FILE).write_text("{}", encoding="utf-8")
    code, text = judged(stored(item("right")), "--baseline=old")
    assert (code, "FA439: the stored run cannot be trusted" in text) == (2, True)
    assert judged(stored(item("right")), "--baseline=older")[0] == 2


def test_earlier_run_folders_show_which_scenarios_may_block(judged: Any, tmp_path: Path) -> None:
    words = "{require: {tiers: [embedded]}, screening: {runs: 2}}"
    (tmp_path / "flink-agents-policy.yaml").write_text(f'version: "1"\ndefault: a\nprofiles: {{a: {words}}}\n', "utf-8")
    passed, failed = stored(item("right"), item("wrong")), stored(item("right"), item("wrong", "failed"), pytest_exit=1)
    folders = [tmp_path / "runs" / name for name in ("2026-1", "2026-2", "2026-3", "2026-4")]
    for folder, run in zip(folders, (passed, passed, failed, passed), strict=True):
        folder.mkdir(parents=True)
        write_run(folder, run, Redactor({}))
    (tmp_path / "runs" / "latest").symlink_to(folders[-1])
    assert judged(passed)[0] == 0
    # Two sessions before it passed.
    assert main(["judge", str(folders[2])]) == 1
    # One of them cannot be trusted; the one after it does not count.
    (folders[1] / REPORT_FILE).write_text("{}", encoding="utf-8")
    assert main(["judge", str(folders[2])]) == 10


Edit = Callable[[dict[str, Any]], None]


def of_first(word: str, value: Any) -> Edit:
    return lambda data: data["results"][0].update({word: value})


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda data: data.update(schema_version="2"), "expected schema_version '1', seen '2'"),
        (lambda data: data.pop("schema_version"), "expected schema_version '1', seen None"),
        (lambda data: data["results"].pop(), "expected the run.counts: no field 'failed'"),
        (lambda data: data["counts"].update(passed=2), "expected the run.counts.passed: 1, seen 2"),
        (lambda data: data["results"].append(data["results"][0]), "counts"),
        (
            lambda data: data.update(results=[data["results"][0]] * 2, counts={"passed": 2}),
            "expected one result for each item, seen two of s.scenario.yaml::right[embedded-2.2]",
        ),
        # Without its tier a skipped scenario would be a plain test.
        (lambda data: data["results"][1].pop("tier"), "the run.results[1]: the field 'tier'"),
        (lambda data: data.pop("changed"), "the run: the field 'changed'"),
        (lambda data: data.update(extra=1), "the run: no field 'extra'"),
        (of_first("note", "x"), "the run.results[0]: no field 'note'"),
        (of_first("outcome", "rerun"), "results.0.outcome: Input should be 'passed', 'failed'"),
        (of_first("tier", "moon"), "results.0.tier: Input should be 'local'"),
        (of_first("tier", "local"), "a tier of the session, seen local"),
        (of_first("tolerated", "no"), "results.0.tolerated: Input should be a valid boolean, seen 'no'"),
        (of_first("tolerated", True), "flaky, since it is tolerated, seen passed"),
        (of_first("repeats", 0), "at least one run and attempt"),
        (of_first("tags", "refunds"), "results.0.tags"),
        (of_first("figures", {"tokens": {"value": 1e999, "reason": "", "final": True}}), "finite"),
        (of_first("figures", {"tokens": {"value": float("nan"), "reason": "", "final": True}}), "nan"),
        (lambda data: data.update(tiers=[]), "the tiers of the session"),
        (lambda data: data.update(named_tiers=["local"]), "the tiers of the session"),
        (lambda data: data.update(pytest_exit="0"), "pytest_exit: Input should be a valid integer"),
        (lambda data: data["selection"].update(deselected=""), "selection.deselected"),
        (lambda data: data.update(results={}), "results: Input should be a valid"),
    ],
)
def test_a_stored_run_that_contradicts_itself_is_inconclusive(
    edit: Edit, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = FAILED.as_data()
    edit(data)
    (tmp_path / REPORT_FILE).write_text(json.dumps(data), encoding="utf-8")
    assert main(["judge", str(tmp_path), "--json"]) == 10
    verdict = json.loads(capsys.readouterr().out)
    (reason,) = verdict["reasons"]
    assert (verdict["verdict"], reason["rule"]) == ("inconclusive", "report")
    assert reason["message"].startswith("the stored run cannot be trusted: FA439: expected ")
    assert told in reason["message"]


def test_a_truncated_or_foreign_file_is_inconclusive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, stored(item("right")), Redactor({}))
    file = tmp_path / REPORT_FILE
    whole = file.read_text(encoding="utf-8")
    assert main(["judge", str(file)]) == 0
    parts = [whole[:length] for length in range(0, len(whole) - 1, 97)]
    twice = whole.replace('"pytest_exit": 0', '"pytest_exit": 1, "pytest_exit": 0')
    ctrf = '{"results": {"tool": {"name": "jest"}, "summary": {"passed": 1}, "tests": []}}'
    for text in (*parts, "[]", "null", '"x"', "{}", "[" * 100_000, twice, ctrf):
        file.write_text(text, encoding="utf-8")
        assert main(["judge", str(tmp_path)]) == 10, text
        assert capsys.readouterr().out.splitlines()[-2].startswith("  inconclusive: report: the stored run cannot be")
    file.write_bytes(whole.encode("utf-16"))
    assert main(["judge", str(tmp_path)]) == 10


def test_a_session_that_a_policy_decided_is_not_promoted_where_there_is_none(judged: Any, tmp_path: Path) -> None:
    """As by ``judge`` in another directory than the project's."""
    written = {"verdict": "block", "policy": "flink-agents-policy.yaml"}
    (tmp_path / "verdict.json").write_text(json.dumps(written), encoding="utf-8")
    code, text = judged(stored(item("right")))
    assert code == 10
    assert "decided by the policy flink-agents-policy.yaml, and none is here" in text
    assert judged(FAILED)[0] == 1
    assert judged(stored(item("right")), tag="refunds")[0] == 0
