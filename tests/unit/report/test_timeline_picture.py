"""timeline.svg: what is drawn of a history, and that it stays small and readable."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.history import Fault, History, Input, Interruption, RecordedAction
from pytest_flink_agents.evidence.model import Checkpoint, Evidence, Output, StepRecord
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report import evidence_file
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.report.timeline_picture import timeline_picture

SVG = "{http://www.w3.org/2000/svg}"
SECRET = "sk-abcdefghijklmnop"
CALL = EffectCall(
    sequence=1,
    at_s=101.0,
    source="effects",
    endpoint="payments",
    route="POST /refunds",
    method="POST",
    path="/refunds",
    query={},
    key="ada",
    input=0,
    attempt=None,
    idempotency_key=None,
    body={},
    body_digest="",
    status=201,
)
STEP = StepRecord("after 2 s", "kill taskmanager", began_s=102.0, ended_s=104.0)
KILL = Fault("kill taskmanager", 102.0, 104.0, felt=True, interrupted=True)
HISTORY = History(
    inputs=(Input(0, "ada"), Input(1, 7)),
    outputs=(Output("ada", {}, 0, at_s=100.0), Output(7, {}, 1, at_s=110.0), Output(7, {}, 1)),
    drained=True,
    final=True,
    faults=(KILL,),
    interruptions=(Interruption('the step "kill taskmanager"', 102.0, 104.0),),
    calls=(CALL,),
    actions=(RecordedAction(ActionState("j", "ada", 1, "", "refund", 0, 0, 101.5, completed=True), 0),),
    checkpoints=(Checkpoint(3, 101.8),),
)


def drawn(history: History, redactor: Redactor | None = None) -> Xml.Element:
    return Xml.fromstring(timeline_picture(history, redactor or Redactor({})))


def of_kind(picture: Xml.Element, kind: str) -> list[str | None]:
    """Return the texts of the forms of a kind; the legend's come first."""
    return [one.findtext(f"{SVG}title") for one in picture if one.get("class") == kind]


def test_each_kind_is_drawn_with_its_text() -> None:
    picture = drawn(HISTORY)
    assert of_kind(picture, "output") == [
        "outputs",
        "output of input 0, after 0.000 s",
        "output of input 1, after 10.000 s",
    ]
    assert of_kind(picture, "effect") == ["effects", "call 1: POST /refunds, status 201, input 0, after 1.000 s"]
    assert of_kind(picture, "record") == ["action state records", "record of refund: completed, after 1.500 s"]
    assert of_kind(picture, "checkpoint") == [None, "checkpoint 3 completed"]
    assert of_kind(picture, "fault") == ["kill taskmanager: interrupted the job, 2 s until the recovery"]
    assert of_kind(picture, "interruption") == [None, 'interrupted by the step "kill taskmanager"']
    words = [one.text for one in picture.iter(f"{SVG}text")]
    assert {'"ada"', "7", "kill taskmanager", "0 s", "10 s"} <= set(words)


def test_a_mark_stands_at_its_time() -> None:
    first, last = (one for one in drawn(HISTORY).iter(f"{SVG}circle") if "after" in str(one.findtext(f"{SVG}title")))
    assert (first.get("cx"), last.get("cx")) == ("170.0", "940.0")


def test_a_row_is_a_key_with_its_type_in_readable_letters() -> None:
    inputs = tuple(Input(number, key) for number, key in enumerate(("Zoë", "7", 7, None, "Zoë")))
    picture = drawn(dataclasses.replace(HISTORY, inputs=inputs, outputs=(), calls=(), actions=()))
    assert [one.text for one in picture.iter(f"{SVG}text") if one.get("text-anchor") == "end"] == [
        '"Zoë"',
        '"7"',
        "7",
        "no key",
    ]


def test_a_run_without_effects_and_faults_has_no_picture() -> None:
    assert timeline_picture(dataclasses.replace(HISTORY, faults=(), calls=None), Redactor({})) == ""
    assert timeline_picture(History((), (), drained=True, final=True), Redactor({})) == ""


def test_only_a_run_with_effects_or_steps_has_its_history_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Evidence] = []

    def counted(evidence: Evidence) -> History:
        built.append(evidence)
        return HISTORY

    monkeypatch.setattr(evidence_file, "history_of", counted)
    plain = Evidence("local", "", "bundled", effects=())
    write_evidence(tmp_path, plain, [], Redactor({}))
    assert (built, (tmp_path / "timeline.svg").exists()) == ([], False)
    drawn_ones = [dataclasses.replace(plain, effects=(CALL,)), dataclasses.replace(plain, steps=(STEP,))]
    for each in drawn_ones:
        write_evidence(tmp_path, each, [], Redactor({}))
    assert (built, (tmp_path / "timeline.svg").exists()) == (drawn_ones, True)


def test_one_moment_is_a_picture() -> None:
    (_, effect) = of_kind(drawn(History((Input(0, "ada"),), (), drained=True, final=True, calls=(CALL,))), "effect")
    assert effect == "call 1: POST /refunds, status 201, input 0, after 0.000 s"


def test_a_long_run_stays_a_small_file() -> None:
    keys = tuple(Input(number, f"k{number % 50}") for number in range(100_000))
    outputs = tuple(Output(one.key, {}, one.number, at_s=100 + one.number / 1000) for one in keys)
    picture = timeline_picture(dataclasses.replace(HISTORY, inputs=keys, outputs=outputs), Redactor({}))
    assert "and 31 more keys" in picture
    assert len(picture) < 3_000_000


def test_texts_are_masked_and_escaped() -> None:
    wanted: dict[str, Any] = {"API_KEY": SECRET}
    hostile = dataclasses.replace(CALL, key=f"<b>{SECRET}", path=f"/{SECRET}<script>\x00")
    picture = timeline_picture(dataclasses.replace(HISTORY, calls=(hostile,)), Redactor(wanted))
    assert SECRET not in picture
    assert "<script>" not in picture
    assert Xml.fromstring(picture) is not None
