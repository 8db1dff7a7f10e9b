"""What the environment on Flink does to names, keys and values, without Flink."""

from __future__ import annotations

import pytest
from pyflink.common import Row
from runtime_agents import Echo

from flink_agents_runtime.on_flink.environment import FlinkEnvironment
from flink_agents_runtime.on_flink.stream_operator import StreamOperator, with_rows


def test_agents_of_one_class_have_names_of_their_own() -> None:
    """In the order in which they are applied; an agent from YAML has the name it was registered under."""
    env = FlinkEnvironment(None)
    assert [env.name_for(agent) for agent in (Echo(), "till", Echo(), "till")] == [
        "Echo",
        "till",
        "Echo-2",
        "till-2",
    ]


def test_different_keys_have_different_texts() -> None:
    """Equal ones of different types too: they are different keys to Flink."""
    keys = [1, "1", 1.5, None, True, b"1", (1, 2), Row(1, 2), Row("1", 2), (1, "2"), "[1, 2]"]
    texts = [StreamOperator("", "")._key_text(key) for key in keys]
    assert len(set(texts)) == len(keys)


def test_a_key_that_is_no_value_is_refused() -> None:
    """With the way out."""
    with pytest.raises(TypeError, match="key the stream by a plain value"):
        StreamOperator("", "")._key_text(object())


def test_rows_come_out_as_rows() -> None:
    """As upstream's events bring them back, at any depth; other mappings stay what they are."""
    row = {"type": "Row", "values": [1, "x"], "fields": ["a", "b"]}
    assert with_rows([row, {"inner": row}]) == [Row(a=1, b="x"), {"inner": Row(a=1, b="x")}]
    assert with_rows({"type": "Row", "values": [1]}) == Row(1)
    assert with_rows({"type": "Row"}) == {"type": "Row"}
