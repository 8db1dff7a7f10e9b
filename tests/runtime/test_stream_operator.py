"""The operator for a user's own stream, over a Flink made of dictionaries."""

import pytest
from pyflink.common import Row
from test_operator import Flink

from flink_agents_runtime.on_flink.stream_operator import StreamOperator
from flink_agents_runtime.plan.build import build_plan


def opened(agent):
    """Open the operator of an agent with a Flink whose current key is "k"."""
    plan = build_plan({"agent": agent}, config={})
    flink, operator = Flink(), StreamOperator(plan.model_dump_json(serialize_as_any=True), "j")
    operator.open(flink)
    flink.key = "k"
    return flink, operator


def test_rows_leave_as_rows():
    flink, operator = opened("operator_agents:Rows")
    outputs = list(operator.process_element(1, flink))
    assert outputs == [Row(id="p", score=2), {"rows": [Row(1, "x")], "other": {"type": "Row"}}]


def test_an_input_of_none_is_refused():
    flink, operator = opened("operator_agents:Rows")
    with pytest.raises(ValueError, match="an input of the stream is None"):
        operator.process_element(None, flink)
