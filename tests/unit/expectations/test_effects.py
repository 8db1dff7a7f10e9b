"""The word ``effects`` of the expectations."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.model import Event, Evidence

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN
PAYMENTS = "effects: [{name: payments, route: POST /refunds}, {name: mail, route: POST /send}]\n"
ONE, TWO = {"order": "o-1", "amount": 20}, {"order": "o-2", "amount": 5}


def call(sequence: int, body: Any, number: int | None = None, **fields: Any) -> EffectCall:
    """Return a call of the payments endpoint, of input ``number``."""
    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    known: dict[str, Any] = {
        "route": "POST /refunds",
        "status": 200,
        "input": number,
        "key": None if number is None else f"c-{number + 1}",
        **fields,
    }
    return EffectCall(
        sequence, 1.0, "effects", "payments", method="POST", path="/refunds", body=body, body_digest=digest, **known
    )


def run(*calls: EffectCall, **fields: Any) -> Evidence:
    """Return the evidence of a run with these calls."""
    given: dict[str, Any] = {"input_keys": ("c-1", "c-2"), "job_state": "FINISHED", "log_errors": (), **fields}
    events = (Event("_input_event", {"input": ONE}, "c-1"), Event("_output_event", {"output": "approved"}, "c-1"))
    return Evidence("local", "2.2.1", "bundled", effects=calls, events=events, **given)


PAID = run(call(1, ONE, 0), call(2, TWO, 1))
TWICE = run(call(1, ONE, 0), call(2, TWO, 1), call(3, ONE, 0))
UNNAMED = run(call(1, ONE), call(2, TWO))


@pytest.mark.parametrize(
    ("payments", "evidence", "validity"),
    [
        ("{count: 2}", PAID, VALID),
        ("{count: 2}", TWICE, INVALID),
        ("{count: 3}", PAID, INVALID),
        ("{count: {max: 2}}", PAID, VALID),
        ("{count: {min: 3}}", PAID, INVALID),
        ("{count: {min: 3}}", dataclasses.replace(PAID, complete=False), UNKNOWN),
        ("{count: 2}", dataclasses.replace(PAID, complete=False), UNKNOWN),
        ("{count: 2}", dataclasses.replace(TWICE, complete=False), INVALID),
        ("{count: 2}", dataclasses.replace(PAID, effects=None), UNKNOWN),
        ("{count: 1}", run(call(1, ONE, fault="status 503", status=503), call(2, ONE)), VALID),
        ("{count: 1}", run(call(1, ONE, status=402), call(2, ONE)), VALID),
        ("{count: 1}", run(call(1, ONE, status=302)), VALID),
        ("{count: 1}", run(call(1, ONE), call(2, ONE, replayed=True)), VALID),
        ("{count: 1}", run(call(1, ONE, fault="reset after", status=None), call(2, ONE)), INVALID),
        ("{count: 1}", run(call(1, ONE), call(2, ONE, route="", status=404)), VALID),
        ("{count: 1}", run(call(1, ONE), dataclasses.replace(call(2, ONE), endpoint="mail")), VALID),
        ("{per_input: 1}", PAID, VALID),
        ("{per_input: 1}", TWICE, INVALID),
        ("{per_input: 1}", run(call(1, ONE, 0)), INVALID),
        ("{per_input: {max: 1}}", run(call(1, ONE, 0)), VALID),
        ("{per_input: 1}", UNNAMED, UNKNOWN),
        ("{per_input: 1}", run(call(1, ONE, 5), call(2, ONE, 5), input_keys=tuple("abcdef"), complete=False), INVALID),
        ("{per_input: 1}", run(call(1, ONE), input_keys=("c-1",)), VALID),
        ("{per_input: 1}", run(call(1, ONE), call(2, ONE), input_keys=("c-1",)), INVALID),
        ("{each: {json: {order: {regex: 'o-[12]'}}}}", PAID, VALID),
        ("{each: {json: {order: o-1}}}", PAID, INVALID),
        ("{each: {json: {equals: {order: o-1}}}}", run(call(1, ONE)), INVALID),
        ("{each: {json: {order: o-1}}}", run(), INVALID),
        ("{each: {path: /refunds}}", PAID, VALID),
        ("{each: {query: {dry: 'yes'}}}", run(call(1, ONE, query={"dry": "yes", "n": "1"})), VALID),
        ("{each: {text: {contains: o-1}}}", run(call(1, "refund o-1", is_text=True)), VALID),
        ("{each: {text: {contains: o-1}}}", run(call(1, "refund o-1")), INVALID),
        ("{each: {json: {contains: o-1}}}", run(call(1, "refund o-1")), VALID),
        ("{each: {json: {contains: o-1}}}", run(call(1, "refund o-1", is_text=True)), INVALID),
        ("{each: {text: {contains: o-1}}}", PAID, INVALID),
        ("{each: {path: /refunds}}", dataclasses.replace(PAID, complete=False), UNKNOWN),
        ("{order: per_key}", run(call(1, ONE, 0), call(2, ONE, 1), input_keys=("c-1", "c-1")), VALID),
        (
            "{order: per_key}",
            run(call(1, ONE, 1, key="c-1"), call(2, ONE, 0, key="c-1"), input_keys=("c-1", "c-1")),
            INVALID,
        ),
        ("{order: per_key}", run(call(1, ONE, 1), call(2, ONE, 0)), VALID),
        ("{order: per_key}", UNNAMED, UNKNOWN),
        ("{order: per_key}", run(), INVALID),
        ("none", run(), VALID),
        ("none", PAID, INVALID),
        ("none", run(call(1, ONE, route="", status=404)), INVALID),
        ("none", run(complete=False), UNKNOWN),
        ("none", run(complete=False, effects_unknown="the ledger died"), UNKNOWN),
    ],
)
def test_each_statement_on_calls(payments: str, evidence: Evidence, validity: Validity, stated: Stated) -> None:
    results = stated.checks(f"effects: {{payments: {payments}}}", evidence, PAYMENTS)
    assert results["effects"].validity is validity


def test_a_second_call_is_named_with_its_input_and_the_first(stated: Stated) -> None:
    evidence = run(call(1, ONE), call(2, ONE), input_keys=("c-1",))
    (finding,) = stated.checks("effects: {payments: {count: 1}}", evidence, PAYMENTS)["effects"].findings
    body = '{"order": "o-1", "amount": 20}'
    assert finding.message == (
        f'payments was called 2 times: input 0 of key "c-1" led to call 1 (POST /refunds {body}) and '
        f"call 2 (POST /refunds {body})"
    )
    assert finding.key == "c-1"


def test_too_few_calls_are_shown_beside_those_without_an_effect(stated: Stated) -> None:
    evidence = run(call(1, ONE), call(2, TWO, replayed=True), call(3, ONE, status=503), call(4, ONE, route=""))
    (finding,) = stated.checks("effects: {payments: {count: 2}}", evidence, PAYMENTS)["effects"].findings
    assert finding.message == (
        "the number of calls of payments is 1 (not counted: 1 repeated with its Idempotency-Key, 2 refused)"
    )


def test_calls_that_name_no_input_are_grouped_by_their_body(stated: Stated) -> None:
    evidence = run(call(1, TWO), call(2, ONE), call(3, ONE))
    (finding,) = stated.checks("effects: {payments: {count: 2}}", evidence, PAYMENTS)["effects"].findings
    assert "call 2 (POST" in finding.message
    assert "call 3 (POST" in finding.message
    assert "call 1 (POST" not in finding.message


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        ("effects: {payment: {count: 1}}", "FA203"),
        ("effects: {payments: {}}", "FA204"),
        ("effects: {payments: {count: 0}}", "FA203"),
        ("effects: {payments: {count: {min: 0}}}", "FA209"),
        ("effects: {payments: {count: twice}}", "FA203"),
        ("effects: {payments: {counts: 1}}", "FA202"),
        ("effects: {payments: {each: {}}}", "FA204"),
        ("effects: {payments: {each: {json: {any_value: true}}}}", "FA209"),
        ("effects: {payments: {each: {query: {any_value: true}}}}", "FA209"),
        ("effects: {payments: {each: {query: [page]}}}", "FA209"),
        ("effects: {payments: {each: {body: 1}}}", "FA202"),
        ("effects: {payments: never}", "FA203"),
        ("effects: {}", "FA203"),
    ],
)
def test_calls_that_cannot_be_meant_are_refused(expect: str, code: str, stated: Stated) -> None:
    assert [found for found, _ in stated.problems(expect, PAYMENTS)] == [code]


def test_the_nearest_endpoint_is_named(stated: Stated) -> None:
    ((_, message),) = stated.problems("effects: {payment: {count: 1}}", PAYMENTS)
    assert message == "no endpoint has this name: expect.effects.payment"


def test_the_messages_are_the_reviewed_ones(stated: Stated) -> None:
    stated.passes("effects: {payments: {count: 2, each: {json: {order: {contains: o-}}}}, mail: none}", PAID, PAYMENTS)
    stated.fails("effects", "effects: {payments: {count: 2}}", TWICE, PAYMENTS)
    stated.fails("effects-each", "effects: {payments: {each: {json: {amount: 20}}}}", PAID, PAYMENTS)
    stated.fails("effects-none", "effects: {payments: none}", PAID, PAYMENTS)
