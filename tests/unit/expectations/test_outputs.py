"""The words ``outputs``, ``order``, ``delivery``, ``failure`` and ``logs``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.model import Event, Evidence, Failure, LogError, Output, StepRecord

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN
RUN = Evidence(
    "local",
    "2.2.1",
    "bundled",
    outputs=(Output("c-1", {"order": "o-1", "total": 20}, 0), Output("c-2", {"order": "o-2", "total": 5}, 1)),
    events=(Event("_output_event", {"output": {"order": "o-1", "total": 20}}, "c-1"),),
    input_keys=("c-1", "c-2"),
    job_state="FINISHED",
    log_errors=(),
)
PAID = EffectCall(1, 99.0, "effects", "payments", "POST /refunds", "POST", "/refunds", key="c-1", input=0, action="pay")
RECORDED = tuple(
    ActionState("job", key, 1, "", "pay", 0, offset, 99.5 + offset, completed=True)
    for offset, key in enumerate(("c-1", "c-2"))
)
KILLED = StepRecord("after 5 s", "kill taskmanager", 5.0, True, "", 3.0, True, began_s=100.0, ended_s=110.0)
CUT_SHORT = dataclasses.replace(RUN, complete=False)
TWICE = dataclasses.replace(RUN, outputs=(*RUN.outputs, RUN.outputs[0]))
NONE = dataclasses.replace(RUN, outputs=())
LIST = "[{key: c-1, value: {order: o-1, total: 20}}, {key: c-2, value: {order: o-2, total: 5}}]"


@pytest.mark.parametrize(
    ("outputs", "evidence", "validity"),
    [
        ("{count: 2}", RUN, VALID),
        ("{count: 3}", RUN, INVALID),
        ("{count: 3}", CUT_SHORT, UNKNOWN),
        ("{count: 2}", CUT_SHORT, UNKNOWN),
        ("{count: {max: 1}}", CUT_SHORT, INVALID),
        ("{count: {min: 1, max: 2}}", RUN, VALID),
        ("{each: {contains: {order: {regex: 'o-[12]'}}}}", RUN, VALID),
        ("{each: {order: {regex: 'o-[12]'}}}", RUN, INVALID),
        ("{each: {contains: {total: 20}}}", RUN, INVALID),
        ("{each: {contains: {total: {any_number: true}}}}", NONE, INVALID),
        ("{each: {contains: {total: {any_number: true}}}}", CUT_SHORT, UNKNOWN),
        ("{each: {contains: {total: 20}}}", CUT_SHORT, INVALID),
        ("{distinct: order}", RUN, VALID),
        ("{distinct: order}", TWICE, INVALID),
        ("{distinct: '@'}", TWICE, INVALID),
        ("{distinct: price}", RUN, INVALID),
        ("{distinct: order}", NONE, INVALID),
        ("{distinct: order}", dataclasses.replace(CUT_SHORT, outputs=()), UNKNOWN),
        ("{distinct: price}", dataclasses.replace(RUN, outputs=RUN.outputs[:1]), INVALID),
        ("{distinct: length(total)}", RUN, INVALID),
        ("{distinct: '@'}", dataclasses.replace(RUN, outputs=(Output("c-1", None), Output("c-2", 1))), VALID),
        (
            "{distinct: n}",
            dataclasses.replace(RUN, outputs=(Output("c-1", {"n": 1}), Output("c-2", {"n": 1.0}))),
            INVALID,
        ),
        (
            "{distinct: n}",
            dataclasses.replace(RUN, outputs=(Output("c-1", {"n": 1}), Output("c-2", {"n": True}))),
            VALID,
        ),
        (
            "{distinct: n}",
            dataclasses.replace(RUN, outputs=(Output("a", {"n": [1]}), Output("b", {"n": [1.0]}))),
            INVALID,
        ),
    ],
)
def test_statements_on_all_outputs(outputs: str, evidence: Evidence, validity: Validity, stated: Stated) -> None:
    assert stated.validity("outputs", f"outputs: {outputs}", evidence) is validity


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        ("outputs: {}", "FA204"),
        ("outputs: {count: 0}", "FA203"),
        ("outputs: {each: {any_value: true}}", "FA209"),
        ("outputs: {distinct: 'a['}", "FA203"),
        ("outputs: {distinct: lenght(order)}", "FA203"),
        ("outputs: {counts: 1}", "FA202"),
        ("outputs: 3", "FA203"),
        ("outputs: {count: 2}\norder: strict", "FA203"),
    ],
)
def test_statements_that_cannot_be_meant_are_refused(expect: str, code: str, stated: Stated) -> None:
    assert [found for found, _ in stated.problems(expect)] == [code]


def test_scrubbed_parts_are_not_compared(stated: Stated) -> None:
    expect = "outputs: {each: {order: {regex: 'o-[12]'}}}"
    assert stated.validity("outputs", expect, RUN, "scrub: [total]\n") is VALID


def test_every_word_passes_and_its_message_is_the_reviewed_one(stated: Stated) -> None:
    stated.passes("outputs: {count: 2, each: {contains: {total: {any_number: true}}}, distinct: order}", RUN)
    stated.passes(f"outputs: {LIST}\norder: strict\ndelivery: {{outputs: exactly_once}}", RUN)
    stated.fails("outputs-summary", "outputs: {count: 2, each: {contains: {order: o-1}}, distinct: order}", TWICE)
    stated.fails("outputs", f"outputs: {LIST.replace('20', '21')}", RUN)
    turned = dataclasses.replace(RUN, outputs=RUN.outputs[::-1])
    stated.passes(f"outputs: {LIST}", turned)
    stated.fails("order", f"outputs: {LIST}\norder: strict", turned)
    stated.fails("delivery", "delivery: {outputs: exactly_once}", TWICE)
    recorded = dataclasses.replace(RUN, effects=(PAID,), action_states=RECORDED)
    both = "delivery: {outputs: exactly_once, actions: exactly_once}"
    stated.passes(f"outputs: {LIST}\n{both}", recorded)
    again = dataclasses.replace(PAID, sequence=2, at_s=120.0)
    killed = dataclasses.replace(recorded, effects=(PAID, again), steps=(KILLED,))
    stated.fails("delivery-actions", both, killed)
    stated.fails("delivery-store", both, dataclasses.replace(killed, action_states=None))
    failed = dataclasses.replace(RUN, failure=Failure("out of stock", "StockError"), job_state="FAILED")
    stated.passes("failure: {contains: out of stock}", failed)
    stated.fails("failure", "failure: {contains: sold out}", failed)
    logged = dataclasses.replace(RUN, log_errors=(LogError("tm.log", "ERROR the card reader is on fire"),))
    stated.passes(f"outputs: {LIST}\nlogs: {{allow: [card reader]}}", logged)
    stated.fails("logs", f"outputs: {LIST}\nlogs: {{allow: [printer]}}", logged)
