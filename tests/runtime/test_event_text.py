"""Fast conversion of events gives the same results as upstream's classes."""

import json
import subprocess
import sys
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from functools import wraps
from random import Random
from uuid import UUID

import pytest
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from pydantic import BaseModel, ConfigDict, Field
from pyflink.common import Row

from flink_agents_runtime.engine import event_text, plain_events
from flink_agents_runtime.engine import sealed as sealed_events
from flink_agents_runtime.engine.event_text import attributes_of, event_of, input_text, text_of
from flink_agents_runtime.engine.plain_events import quick_events
from flink_agents_runtime.engine.sealed import SealedEvent, sealed, sealed_input


class Colour(Enum):
    RED = "red"


class Aliased(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)
    inner: float = Field(default=float("inf"), alias="outer")


class Extended(Event):
    """A subclass with a field of its own."""

    more: int = 1


class Renamed(Event):
    """A subclass that writes itself in its own way."""

    def model_dump_json(self, **kwargs):
        return super().model_dump_json(**kwargs).replace("before", "after")


def deep(levels):
    return [deep(levels - 1)] if levels else []


class Worded(str, Enum):
    YES = "yes"


class Text(str):
    __slots__ = ()


VALUES = [
    *(None, True, -1, 0.1, -0.0, 1e300, 5e-324, 2**64, 10**300, "", 'a\x00\u2028"\\ä\U0001f600', [], {}),
    *(float("nan"), float("inf"), (1, (2,)), {1: "one", None: 2, 2.5: 3, False: 4}, {1: "a", "1": "b"}, {1}, b"bytes"),
    *(
        datetime(2024, 1, 2, tzinfo=timezone.utc),
        Decimal("1.10"),
        UUID(int=1),
        Colour.RED,
        Aliased(),
        {"a": [Aliased()]},
    ),
    *(ChatMessage(role=MessageRole.USER, content="hello"), {"type": "Row", "values": [1, 2]}, "Row", {"Row": ["Row"]}),
    *(
        Worded.YES,
        Text("x"),
        {Text("key"): 1},
        -(2**63),
        2**63,
        float(2**70),
        {"e+": ["1e+2"]},
        "".join(map(chr, range(768))),
    ),
    *(Row(1, "two"), Row(a=1, b=Row(2)), {"rows": [Row(x=[1])]}, deep(150), deep(210), deep(240)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
def test_an_inputs_text_and_event_are_upstreams(value):
    text = input_text(value)
    assert text == InputEvent(input=value).model_dump_json()
    event, upstreams = event_of(text), Event.from_json(text)
    assert type(event) is Event
    assert repr(event) == repr(upstreams)
    assert event == upstreams
    assert event.model_fields_set == upstreams.model_fields_set
    assert event.model_dump_json() == upstreams.model_dump_json()
    assert json.dumps(attributes_of(text)) == json.dumps(json.loads(text)["attributes"])


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
def test_a_sealed_input_is_its_text(value):
    event = sealed_input(value)
    text = input_text(value)
    opened, upstreams = event.open(), Event.from_json(text)
    assert (event.type, event.text) == (InputEvent.EVENT_TYPE, text)
    assert type(opened) is Event
    assert (repr(opened), opened.model_extra) == (repr(upstreams), upstreams.model_extra)
    assert opened.model_fields_set == upstreams.model_fields_set
    assert (opened.id, hash(opened.id), opened.id.version) == (upstreams.id, hash(upstreams.id), 3)
    assert opened.model_dump_json() == upstreams.model_dump_json()
    assert json.dumps(event.attributes()) == json.dumps(json.loads(text)["attributes"])
    assert repr(SealedEvent.of_text(text).open()) == repr(upstreams)


@pytest.mark.parametrize(
    "event",
    [
        OutputEvent(output={"a": [1, (2,)]}),
        Event(type="mine", attributes={"x": Row(a=1)}, extra=[1], another={"type": "Row", "values": [1]}),
        Event(type="mine", id=UUID(int=5)),
        Extended(type="mine", more=3, beside="this"),
        Renamed(type="before"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_sent_event_arrives_as_upstreams(event):
    text = text_of(event)
    assert text == event.model_dump_json()
    arrived, upstreams = event_of(text), Event.from_json(text)
    assert (repr(arrived), arrived.model_extra) == (repr(upstreams), upstreams.model_extra)
    assert arrived.model_fields_set == upstreams.model_fields_set
    on_its_way = sealed(event)
    opened = on_its_way.open()
    assert (on_its_way.type, on_its_way.text) == (event.type, text)
    assert (repr(opened), opened.model_extra) == (repr(upstreams), upstreams.model_extra)
    assert opened.model_fields_set == upstreams.model_fields_set


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
def test_a_sent_value_is_sealed_as_upstream_writes_it(value):
    for event in (OutputEvent(output=value), Event(type='a "create+update"\n\x7f', attributes={"value": value})):
        on_its_way, text = sealed(event), event.model_dump_json()
        event.attributes.clear()
        assert on_its_way.text == text
        assert repr(on_its_way.open()) == repr(Event.from_json(text))


def test_what_is_done_to_an_opened_event_stays_there():
    event = sealed(OutputEvent(output={"list": [1]}))
    text = event.text
    event.open().attributes["output"]["list"].append("spoilt")
    event.attributes()["output"]["list"].append("spoilt")
    assert event.open().attributes == {"output": {"list": [1]}}
    assert (event.attributes(), event.text) == ({"output": {"list": [1]}}, text)


def test_floats_and_whole_numbers_survive_exactly():
    random = Random(0)
    numbers = [random.uniform(-1, 1) * 10.0 ** random.randint(-320, 308) for _ in range(20_000)]
    numbers += [random.getrandbits(bits) for bits in range(1, 300)]
    assert event_of(input_text(numbers)).attributes["input"] == numbers
    for number in numbers:
        assert sealed_input(number).text == input_text(number)


def test_each_event_has_values_of_its_own():
    value = {"list": [1]}
    text = input_text(value)
    value["list"].append("later")
    first, second = event_of(text), event_of(text)
    first.attributes["input"]["list"].append("spoilt")
    first.attributes["new"] = 1
    assert second.attributes == {"input": {"list": [1]}}


@pytest.mark.parametrize(
    "value", [object(), "\ud800", deep(300), {"a": lambda: None}], ids=lambda value: str(value)[:12]
)
def test_what_is_no_json_is_refused_with_upstreams_words(value):
    with pytest.raises(ValueError) as ours:
        sealed_input(value)
    with pytest.raises(type(ours.value)) as upstreams:
        InputEvent(input=value)
    if "0x" not in str(upstreams.value):
        assert str(ours.value) == str(upstreams.value)


@pytest.mark.parametrize(
    "text", ['{"type": ""}', '{"id": "x", "type": "t", "attributes": {}}', '{"attributes": {}}', "{"]
)
def test_malformed_text_is_refused_with_upstreams_words(text):
    with pytest.raises(ValueError) as ours:
        event_of(text)
    with pytest.raises(ValueError) as upstreams:
        Event.from_json(text)
    assert str(ours.value) == str(upstreams.value)


def test_an_event_can_still_be_changed_and_extended():
    events = [read(input_text(1)) for read in (event_of, Event.from_json)]
    for event in events:
        event.remark = "extra"
        event.attributes = {"input": 2}
    assert events[0] == events[1]
    assert events[0].id == events[1].id
    assert events[0].model_copy(deep=True) == events[1]


class Subclassed(OutputEvent):
    """A subclass of an event class with a constructor."""

    def __init__(self, output, note):
        super().__init__(output)
        self.attributes["note"] = note


def made(create):
    """Return all parts of a created event, or its error."""
    try:
        event = create()
    except Exception as error:
        return type(error), str(error)
    parts = type(event), repr(event), event.model_fields_set, event.model_extra, event.__pydantic_private__
    return *parts, event.id.version, hash(event.id), event.model_dump_json()


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(value)[:20])
@pytest.mark.parametrize(
    "create",
    [
        InputEvent,
        lambda value: InputEvent(input=value),
        lambda value: OutputEvent(output=value),
        lambda value: Subclassed(value, note=1),
        lambda value: InputEvent.from_event(Event(type="mine", id=UUID(int=5), attributes={"input": value})),
    ],
)
def test_a_quick_event_is_the_one_that_upstreams_constructor_makes(create, value):
    upstreams = made(lambda: create(value))
    with quick_events():
        assert made(lambda: create(value)) == upstreams


def test_an_event_refuses_a_change_that_is_not_json_while_an_engine_runs():
    with quick_events():
        event = OutputEvent(output=[1])
        event.output.append(object())
        with pytest.raises(ValueError, match="Unable to serialize"):
            event.id = UUID(int=1)
        with pytest.raises(TypeError, match="unexpected keyword"):
            OutputEvent(value=1)


def test_upstreams_constructors_are_back_after_the_last_engine():
    ways = InputEvent.__init__, OutputEvent.__init__, Event.__setattr__
    with quick_events():
        with quick_events():
            pass
        assert all(
            one is not other
            for one, other in zip(ways, (InputEvent.__init__, OutputEvent.__init__, Event.__setattr__), strict=True)
        )
    assert ways == (InputEvent.__init__, OutputEvent.__init__, Event.__setattr__)


WAYS = [(InputEvent, "__init__"), (OutputEvent, "__init__"), (Event, "__setattr__")]


@pytest.mark.parametrize(("kind", "name"), [*WAYS, (Event, "__init__")])
@pytest.mark.parametrize("before", [True, False])
def test_a_constructor_that_was_replaced_by_others_stays(kind, name, before):
    ways, calls = [getattr(*way) for way in WAYS], []
    upstreams, is_own = getattr(kind, name), name in vars(kind)

    @wraps(upstreams)
    def theirs(*args, **kwargs):
        calls.append(args[0])
        upstreams(*args, **kwargs)

    try:
        if before:
            setattr(kind, name, theirs)
        with quick_events():
            if not before:
                setattr(kind, name, theirs)
            event = InputEvent(input=1)
            OutputEvent(output=1)
            event.id = UUID(int=1)
        kept = getattr(kind, name)
    finally:
        setattr(kind, name, upstreams) if is_own else delattr(kind, name)
    assert (kept, bool(calls)) == (theirs, True)
    assert [getattr(*way) for way in WAYS] == ways


def test_the_engine_starts_with_another_reader_of_events(monkeypatch):
    """A test library may have replaced a method that has nothing to do with constructors."""

    def theirs(text):
        return Event.model_validate_json(text)

    monkeypatch.setattr(Event, "from_json", theirs)
    upstreams = InputEvent.__init__
    with quick_events():
        assert InputEvent.__init__ is not upstreams
    assert InputEvent.__init__ is upstreams


def test_an_engine_that_fails_to_start_is_none_that_runs(monkeypatch):
    """The next one has the quick constructors, and its end brings upstream's back."""
    upstreams = InputEvent.__init__
    with monkeypatch.context() as broken:
        broken.setattr(plain_events, "_are_upstreams", lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError), quick_events():
            pass
    with quick_events():
        assert InputEvent.__init__ is not upstreams
    assert InputEvent.__init__ is upstreams


def test_the_engine_starts_without_a_quick_writer_of_json():
    imported = "from flink_agents_runtime.engine.sealed import sealed_input; print(sealed_input(1).type)"
    command = [sys.executable, "-c", f"import sys; sys.modules['orjson'] = None; {imported}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "_input_event\n", done.stderr


def test_an_input_that_arrives_again_has_another_id_if_upstream_draws_ids(monkeypatch):
    monkeypatch.setattr(event_text, "DRAWS_IDS", True)
    monkeypatch.setattr(sealed_events, "DRAWS_IDS", True)
    events = [sealed_input({"a": 1}), sealed_input({"a": 1}), *map(SealedEvent.of_text, (input_text(1), input_text(1)))]
    assert len({event.id for event in events}) == 4
    assert {event.id.version for event in events} == {4}
    assert [event.open().id for event in events] == [event.id for event in events]
    assert len({event_text.lasting_text(event.text) for event in events}) == 2
