"""The check of the record of calls."""

from __future__ import annotations

from dataclasses import replace

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.ledger import check_ledger
from pytest_flink_agents.evidence.model import Evidence

RIGHT = EffectCall(1, 1.0, "effects", "payments", "POST /refunds", "POST", "/refunds", status=200)
NO_ROUTE = EffectCall(2, 1.0, "effects", "payments", "", "POST", "/refund", status=404, key="c-1")


def run(*calls: EffectCall, unknown: str = "") -> Evidence:
    return Evidence("local", "2.2.1", "bundled", effects=calls, effects_unknown=unknown)


def test_a_whole_record_of_declared_routes_is_valid() -> None:
    assert check_ledger(run(RIGHT)).validity is Validity.VALID
    assert check_ledger(Evidence("local", "2.2.1", "bundled")).validity is Validity.VALID


def test_a_call_without_a_route_is_invalid_and_named() -> None:
    result = check_ledger(run(RIGHT, NO_ROUTE))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert (finding.message, finding.key) == ("the agent called payments, which has no such route", "c-1")
    assert (finding.expected, finding.seen) == ("a declared route", "call 2: POST /refund, no route, status 404")


def test_a_call_of_the_endpoints_address_alone_lacks_its_path() -> None:
    (finding,) = check_ledger(run(replace(NO_ROUTE, path="/"))).findings
    assert finding.expected == "a declared route: the agent adds its path to the address of the endpoint"


def test_a_call_with_a_refused_body_is_invalid_and_says_so() -> None:
    (finding,) = check_ledger(run(replace(NO_ROUTE, fault="refused body", status=413))).findings
    assert finding.message == "a call of payments was refused"
    assert finding.seen == "call 2: POST /refund, refused body, status 413"
    assert finding.expected == "a body within the bounds of the ledger"


def test_a_call_of_a_tool_that_cannot_be_read_is_invalid() -> None:
    call = replace(NO_ROUTE, method="tool", path="pay", fault="no object of arguments", status=400)
    (finding,) = check_ledger(run(call)).findings
    assert (finding.message, finding.expected) == ("a call of payments was refused", "a call that can be read")
    assert finding.seen == "call 2: tool pay, no object of arguments, status 400"


def test_many_calls_without_a_route_are_cut() -> None:
    assert check_ledger(run(*[NO_ROUTE] * 9)).findings[-1].message == "and 4 more calls without a route"


def test_a_record_that_may_miss_calls_is_unknown_whatever_it_has() -> None:
    result = check_ledger(run(NO_ROUTE, unknown="the effects ledger ended before the run"))
    assert result.validity is Validity.UNKNOWN
    assert result.findings[0].seen == "the effects ledger ended before the run"
