"""Which triggers of flink-agents 0.4 are event types."""

from __future__ import annotations

import pytest

from flink_agents_runtime.plan.trigger import event_type_of


@pytest.mark.parametrize(
    ("trigger", "event_type"),
    [
        ("_input_event", "_input_event"),
        ("  order.placed-2  ", "order.placed-2"),
        ("'shop.Agent$Booked'", "shop.Agent$Booked"),
        ('"order"', "order"),
        ("'true'", "true"),
        ("true", None),
        ("null", None),
        ("EventType.InputEvent", None),
        ("EventTypes.x", "EventTypes.x"),
        ("shop.Agent$Booked", None),
        ("order.", None),
        ("1st", None),
        ("'a b'", None),
        ("'order\"", None),
        ("a == 1", None),
        ("has(attributes.x)", None),
        ("", None),
    ],
)
def test_a_trigger_is_an_event_type_by_upstreams_rule(trigger: str, event_type: str | None) -> None:
    assert event_type_of(trigger) == event_type
