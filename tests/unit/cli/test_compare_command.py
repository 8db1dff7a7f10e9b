"""``compare``: two plans of an agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_flink_agents.cli.main import main

BASELINE = {"actions": {"add": {"listen_event_types": ["_input_event"]}, "receipt": {"listen_event_types": ["booked"]}}}
RENAMED = {"actions": {"add": {"listen_event_types": ["_input_event"]}, "ticket": {"listen_event_types": ["booked"]}}}
MORE = {"actions": {**BASELINE["actions"], "audit": {"listen_event_types": ["booked"]}}}


def compared(folder: Path, baseline: object, candidate: object) -> int:
    for name, plan in (("1.json", baseline), ("2.json", candidate)):
        (folder / name).write_text(plan if isinstance(plan, str) else json.dumps(plan))
    return main(["compare", str(folder / "1.json"), str(folder / "2.json")])


def test_a_renamed_action_is_named_with_what_becomes_unreachable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(tmp_path, BASELINE, RENAMED) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "action receipt: removed, or renamed to ticket, which listens to the same events; unreachable: "
    )
    assert second == "action ticket: added, listens to booked"


def test_what_makes_nothing_unreachable_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(tmp_path, BASELINE, MORE) == 0
    assert compared(tmp_path, BASELINE, BASELINE) == 0
    assert capsys.readouterr().out == "action audit: added, listens to booked\nthe plans have no difference\n"


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compared(tmp_path, BASELINE, "[]") == 2
    assert "2.json" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "gone.json"), str(tmp_path / "gone.json")]) == 2
