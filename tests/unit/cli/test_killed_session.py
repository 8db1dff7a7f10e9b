"""A session that is killed leaves a report that says *inconclusive*, and what ran."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_flink_agents.cli.main import main
from pytest_flink_agents.cli.stored_session import stored_run
from tests.unit.cli.conftest import NAMES, EndSession, item

RESULTS = [item(NAMES[0]), item(NAMES[1], "failed", message="wrong"), item(NAMES[2])]


def judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["judge", str(folder)])
    return code, capsys.readouterr().out


def test_its_report_says_inconclusive_from_the_beginning(
    session_in: EndSession, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = session_in(RESULTS, killed=True)
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    assert (verdict["verdict"], verdict["finished"]) == ("inconclusive", "")
    assert verdict["reasons"][0]["message"] == "the session has not ended: it was killed, or still runs"
    assert (folder / "summary.md").read_text(encoding="utf-8").startswith("# INCONCLUSIVE")
    assert not (folder / "report.json").exists()
    assert main(["verify", str(folder)]) == 10
    capsys.readouterr()


def test_judge_says_what_ran_and_what_did_not(session_in: EndSession, capsys: pytest.CaptureFixture[str]) -> None:
    folder = session_in(RESULTS, killed=True)
    code, text = judged(folder, capsys)
    assert code == 10, "not even a failure blocks: a rerun of it may have been running"
    assert text.startswith("INCONCLUSIVE")
    assert "1 passed, 1 failed, 1 not run" in text
    assert "the session has not ended" in text
    results = {result.node_id: result for result in stored_run(folder).results}
    assert results[NAMES[1]] == RESULTS[1]
    assert (results[NAMES[2]].outcome, results[NAMES[2]].message) == ("not_run", "the session ended while it ran")


def test_a_line_that_was_cut_is_no_event(session_in: EndSession, capsys: pytest.CaptureFixture[str]) -> None:
    folder = session_in(RESULTS, killed=True)
    events = folder / "events.jsonl"
    whole = events.read_bytes()
    expected = judged(folder, capsys)
    for cut in (b'{"kind": "item_fin', b"\xff\xfe", b"[]\n"):
        events.write_bytes(whole + cut)
        assert judged(folder, capsys) == expected
    started = whole.splitlines(keepends=True)[0]
    for kept in (b"", b'{"kind": "item_finished"}\n'):
        events.write_bytes(kept)
        assert judged(folder, capsys)[0] == 2
    events.write_bytes(started)
    assert judged(folder, capsys)[0] == 10


@pytest.mark.parametrize("until", range(6))
def test_a_session_is_inconclusive_wherever_it_is_killed(
    until: int, session_in: EndSession, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = session_in(RESULTS)
    (folder / "report.json").unlink()
    events = folder / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[: until + 1]))
    assert judged(folder, capsys)[0] == 10


def test_a_session_that_ended_is_judged_by_its_report(
    session_in: EndSession, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(session_in([item(NAMES[0])]), capsys)[0] == 0
    assert judged(session_in(RESULTS, pytest_exit=1), capsys)[0] == 1
