"""The section ``faults`` of a scenario."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pytest_flink_agents.scenario.faults import Fault, Faults, timetable
from pytest_flink_agents.scenario.model import Scenario

FAULTS: TypeAdapter[Any] = TypeAdapter(Faults)
RANDOM = {"random": {"seed": 7, "count": 5, "kinds": ["kill taskmanager", "pause jobmanager"], "over": "20s"}}


def test_a_fault_has_a_moment_an_act_and_a_process() -> None:
    (fault,) = timetable(FAULTS.validate_python([{"after": {"outputs": 1}, "kill": "taskmanager"}]))
    assert (fault.kill, fault.after.outputs) == ("taskmanager", 1)
    (fault,) = timetable(FAULTS.validate_python([{"after": {"seconds": 1}, "pause": "jobmanager", "for": "500ms"}]))
    assert (fault.pause, fault.after.seconds, fault.seconds) == ("jobmanager", 1.0, 0.5)
    (fault,) = timetable(FAULTS.validate_python([{"after": {"seconds": 1}, "fail": "checkpoints", "for": "5s"}]))
    assert (fault.fail, fault.seconds) == ("checkpoints", 5.0)
    delayed = {"after": {"seconds": 1}, "delay": "kafka", "direction": "answers", "by": "20ms"}
    (fault,) = timetable(FAULTS.validate_python([delayed]))
    assert timetable(FAULTS.validate_python([{"after": {"seconds": 1}, "fill_disk": "jobmanager"}]))[0].seconds == 2.0
    assert (fault.link, fault.direction, fault.by, fault.seconds) == ("kafka", "answers", 0.02, 2.0)


def test_random_faults_come_from_their_seed_in_order_within_the_span() -> None:
    first, again = (timetable(FAULTS.validate_python(RANDOM)) for _ in range(2))
    other = timetable(FAULTS.validate_python({"random": {**RANDOM["random"], "seed": 8}}))
    assert first == again != other
    moments = [fault.after.seconds or 0.0 for fault in first]
    assert len(moments) == 5
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] <= 20
    assert {(fault.kill, fault.pause) for fault in [*first, *other]} == {("taskmanager", None), (None, "jobmanager")}


@pytest.mark.parametrize(
    "wrong",
    [
        {"after": {"outputs": 1}},
        {"kill": "taskmanager"},
        {"after": {}, "kill": "taskmanager"},
        {"after": {"outputs": 1, "seconds": 2}, "kill": "taskmanager"},
        {"after": {"outputs": 0}, "kill": "taskmanager"},
        {"after": {"outputs": 1}, "kill": "taskmanager", "pause": "taskmanager"},
        {"after": {"outputs": 1}, "kill": "taskmanager", "for": "1s"},
        {"after": {"outputs": 1}, "kill": "python_worker", "for": "1s"},
        {"after": {"outputs": 1}, "pause": "python_worker"},
        {"after": {"outputs": 1}, "fail": "checkpoints", "kill": "broker"},
        {"after": {"outputs": 1}, "fail": "broker"},
        {"after": {"outputs": 1}, "kill": "task manager"},
        {"after": {"outputs": 1}, "pause": "broker"},
        {"after": {"outputs": 1}, "cut": "jobmanager"},
        {"after": {"outputs": 1}, "fill_disk": "broker"},
        {"after": {"outputs": 1}, "fill_disk": "jobmanager", "direction": "answers"},
        {"after": {"outputs": 1}, "cut": "kafka", "lose": "kafka"},
        {"after": {"outputs": 1}, "cut": "kafka", "direction": "inwards"},
        {"after": {"outputs": 1}, "cut": "kafka", "by": "1s"},
        {"after": {"outputs": 1}, "delay": "kafka", "share": 0.5},
        {"after": {"outputs": 1}, "lose": "kafka", "share": 0},
        {"after": {"outputs": 1}, "lose": "kafka", "share": 1},
        {"after": {"outputs": 1}, "kill": "broker", "direction": "answers"},
    ],
)
def test_a_fault_without_one_moment_and_one_act_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate(wrong)


@pytest.mark.parametrize(
    "wrong", [[], {}, "kill taskmanager", {"random": {"seed": 1, "count": 0, "kinds": ["kill broker"], "over": "1s"}}]
)
def test_faults_of_another_form_are_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        FAULTS.validate_python(wrong)


@pytest.mark.parametrize(
    ("link", "section"),
    [
        ("kafka", {"expect": {"delivery": {"outputs": "exactly_once"}}}),
        ("effects", {"effects": [{"name": "pay", "route": "POST /pay"}]}),
        ("llm", {"llm": {"mode": "scripted", "script": [{"reply": {"text": "a"}}]}}),
    ],
)
def test_a_network_leads_to_something_that_the_job_talks_to(link: str, section: dict[str, Any]) -> None:
    words = {
        "version": "1",
        "name": "n",
        "agent": "shop.agents:Till",
        "inputs": [{"key": "a", "value": 1}],
        "expect": {"outputs": []},
        "faults": [{"after": {"seconds": 1}, "cut": link}],
    }
    assert Scenario.model_validate({**words, **section}).disturbed_links == {link}
    with pytest.raises(ValidationError):
        Scenario.model_validate(words)


def test_a_job_has_no_event_log_to_wait_for() -> None:
    fault = {"after": {"event": "paid"}, "kill": "taskmanager"}
    words = {"version": "1", "name": "n", "inputs": [{"key": "a", "value": 1}], "expect": {"outputs": []}}
    Scenario.model_validate({**words, "agent": "shop.agents:Till", "faults": [fault]})
    with pytest.raises(ValidationError) as caught:
        Scenario.model_validate({**words, "job": {"python": "job.py"}, "faults": [fault]})
    (error,) = caught.value.errors()
    assert error["ctx"]["message"] == "faults.after.event beside a job, whose engine decides where the event log is"
