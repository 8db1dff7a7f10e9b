"""Places of outputs that are removed before they are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.evidence.model import Evidence, Output
from pytest_flink_agents.evidence.replays import InputRun, Replay, Replays, UndisturbedRun
from pytest_flink_agents.run import judgement
from pytest_flink_agents.run.judgement import judged
from pytest_flink_agents.run.replays import scrubbed_replays
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.scrub import ScrubPath, parse_scrub, scrubbed

Problems: TypeAlias = Callable[[str], list[Problem]]
VALUE = {"id": 1, "event": {"id": 2, "at": 3}, "items": [{"id": 4, "n": 5}, {"id": 6}, 7]}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("id", {"event": {"at": 3}, "items": [{"n": 5}, {}, 7]}),
        ("$.id", {"event": {"id": 2, "at": 3}, "items": [{"id": 4, "n": 5}, {"id": 6}, 7]}),
        ("$.event.id", {"id": 1, "event": {"at": 3}, "items": [{"id": 4, "n": 5}, {"id": 6}, 7]}),
        ("$.items[*].id", {"id": 1, "event": {"id": 2, "at": 3}, "items": [{"n": 5}, {}, 7]}),
        ("$.items[1]", {"id": 1, "event": {"id": 2, "at": 3}, "items": [{"id": 4, "n": 5}, 7]}),
        ("$.items[*]", {"id": 1, "event": {"id": 2, "at": 3}, "items": []}),
        ("$.items.id", VALUE),
        ("$.event[0]", VALUE),
        ("$.items[9].id", VALUE),
        ("absent", VALUE),
    ],
)
def test_a_place_is_removed_and_nothing_else(text: str, left: Any) -> None:
    before = repr(VALUE)
    assert scrubbed(VALUE, [parse_scrub(text)]) == left
    assert repr(VALUE) == before


@pytest.mark.parametrize("text", ["", "$", "$.", "$id", "$.a..b", "$.a[", "$.a[-1]", "a.b", "a b", "$.a[x]", "$$"])
def test_a_wrong_place_is_refused(text: str, problems: Problems, sound: str) -> None:
    (problem,) = problems(sound + f"scrub: ['{text}']\n")
    assert (problem.code, problem.where) == ("FA203", "x.scenario.yaml:9:9")
    assert "$.event.id" in problem.expected


@pytest.mark.parametrize(("scrub", "valid"), [("[at, $.event.id]", True), ("[at]", False), ("[]", False)])
def test_outputs_are_compared_without_their_scrubbed_places(
    scrub: str, valid: bool, load: Callable[..., LoadedScenario], sound: str
) -> None:
    loaded = load(sound.replace("status: approved", "event: {ok: true}") + f"scrub: {scrub}\n")
    output = Output("c-1", {"event": {"id": "e-17", "ok": True, "at": 5}, "at": 9})
    evidence = Evidence("local", "2.2", "bundled", outputs=(output,), job_state="FINISHED", log_errors=())
    results = {result.check: result.validity.value for result in judged(loaded, evidence)}
    assert (results["outputs"] == "valid") is valid


def test_replays_are_compared_without_their_scrubbed_places_and_copied_once(
    load: Callable[..., LoadedScenario], sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(sound + "scrub: [at]\n")
    output = Output("c-1", {"status": "approved", "at": 3}, input=0)
    first, again = (InputRun(outputs=({"status": "approved", "at": at},)) for at in (1, 2))
    replays = Replays((UndisturbedRun(0, "c-1", (), first),), (Replay(1, 0, 0, again),), points=1)
    evidence = Evidence("local", "2.2", "bundled", outputs=(output,), input_keys=("c-1",), replays=replays)
    copied: list[Replays] = []

    def copy(seen: Replays, paths: Sequence[ScrubPath]) -> Replays:
        copied.append(seen)
        return scrubbed_replays(seen, paths)

    monkeypatch.setattr(judgement, "scrubbed_replays", copy)
    results = {result.check: result.validity.value for result in judged(loaded, evidence)}
    assert (results["replay"], results["outputs"], copied) == ("valid", "valid", [replays])


@pytest.mark.parametrize("scrub", ["status", "$.status"])
def test_an_expectation_of_what_is_removed_is_refused(scrub: str, problems: Problems, sound: str) -> None:
    (problem,) = problems(sound + f"scrub: [{scrub}]\n")
    assert (problem.code, problem.where) == ("FA209", "x.scenario.yaml:8:27")
    assert problem.next_step == "remove it here, or from scrub"


@pytest.mark.parametrize(
    ("outputs", "scrub", "place"),
    [
        ("{each: {contains: {order: {id: {any_string: true}}}}}", "id", "each"),
        ("{each: {contains: {order: {id: {any_string: true}}}}}", "$.order.id", "each"),
        ("{each: {partial: {order: 1}}, distinct: id}", "id", "distinct"),
        ("{distinct: order.id}", "$.order.id", "distinct"),
        ("{distinct: order.id}", "$.order", "distinct"),
        ("[{key: c-1, value: {contains: {order: {id: 1}}}}]", "$.order.id", "[0].value"),
    ],
)
def test_no_form_of_outputs_may_name_what_is_removed(
    outputs: str, scrub: str, place: str, problems: Problems, sound: str
) -> None:
    text = sound.replace('outputs:\n    - {key: "c-1", value: {status: approved}}', f"outputs: {outputs}")
    (problem,) = problems(f"{text}scrub: [{scrub}]\n")
    assert problem.code == "FA209"
    assert problem.message == f"expect.outputs{'' if place[0] == '[' else '.'}{place} names what scrub removes"


@pytest.mark.parametrize(
    "outputs", ["{each: {contains: {order: 1}}, distinct: order.id}", "{distinct: '@'}", "{count: 2}"]
)
def test_other_parts_may_be_stated(outputs: str, load: Callable[..., LoadedScenario], sound: str) -> None:
    text = sound.replace('outputs:\n    - {key: "c-1", value: {status: approved}}', f"outputs: {outputs}")
    assert load(f"{text}scrub: [$.order.at, $.id]\n")
