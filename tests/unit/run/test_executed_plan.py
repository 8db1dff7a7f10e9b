"""The digest of an executed plan: the same for each run of an agent, another one for any change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_flink_agents.run.executed_plan import executed_plan_digest

ADDRESSES = {"llm.url": "http://127.0.0.1:4001/a", "llm.openai_url": "http://127.0.0.1:4001/a/v1"}


def plan(address: str, **fields: Any) -> str:
    connection = {"clazz": "OpenAI", "arguments": {"base_url": address, "timeout": 5}}
    own = {
        "actions": {"pay": {"exec": {"module": "shop", "qualname": "Pay.pay"}, "listen_event_types": ["_input_event"]}},
        "actions_by_event": {"_input_event": ["pay"]},
        "resource_providers": {"chat_model_connection": {"c": connection}},
        "config": {"conf_data": {"baseLogDir": address}},
        "agent_name": "shop:Pay",
    }
    return json.dumps(own | fields)


BEFORE = executed_plan_digest(plan("http://127.0.0.1:4001/a/v1"), ADDRESSES)


def test_the_addresses_and_options_of_a_run_do_not_count() -> None:
    other = {name: address.replace("4001/a", "5002/bcd") for name, address in ADDRESSES.items()}
    assert executed_plan_digest(plan("http://127.0.0.1:5002/bcd/v1"), other) == BEFORE
    assert BEFORE.startswith("sha256:")
    # Another placeholder is another resource.
    assert executed_plan_digest(plan("http://127.0.0.1:4001/a"), ADDRESSES) != BEFORE


@pytest.mark.parametrize(
    ("before", "after"), [("Pay.pay", "Pay.pax"), ("_input_event", "_output_event"), ('"timeout": 5', '"timeout": 6')]
)
def test_a_changed_byte_of_the_plan_is_another_digest(before: str, after: str) -> None:
    changed = plan("http://127.0.0.1:4001/a/v1").replace(before, after)
    assert executed_plan_digest(changed, ADDRESSES) != BEFORE


def test_a_plan_that_cannot_be_written_is_not_known() -> None:
    assert executed_plan_digest(None, ADDRESSES) == ""
