"""The addresses and the calls of a run's ledger."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.ledger.entry import EffectCall, History
from flink_testbed.ledger.ledger import LedgerRun
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.run.effects import effect_urls, with_effects
from pytest_flink_agents.run.subject import AgentFailedError, require_routes, require_whole_record

CALL = EffectCall(
    1, 2.0, "effects", "pay", "POST /x", "POST", "/x", {}, "k", 0, None, None, {"a": 1}, "d", 200, "", False
)
RUN = Evidence("local", "2.2.1", "bundled", files={"events": "e"})


def ledger(history: History) -> LedgerRun:
    run = LedgerRun(1234, "token", "secret", ["pay", "mail"], Path("effects.jsonl"), lambda: True)
    run.history = history
    return run


def test_each_endpoint_has_an_address() -> None:
    assert effect_urls(ledger(History())) == {
        "effects.pay.url": "http://127.0.0.1:1234/token/pay",
        "effects.mail.url": "http://127.0.0.1:1234/token/mail",
    }
    assert effect_urls(None) == {}


def test_a_run_without_a_ledger_has_no_record_of_calls() -> None:
    assert with_effects(RUN, None) is RUN
    assert RUN.effects is None


def test_the_history_becomes_evidence() -> None:
    evidence = with_effects(RUN, ledger(History((CALL,), "the ledger ended")))
    assert evidence.effects == (CALL,)
    assert evidence.effects_unknown == "the ledger ended"
    assert evidence.files == {"events": "e", "effects": "effects.jsonl"}
    assert with_effects(RUN, ledger(History())).effects == ()


def test_a_run_whose_history_was_not_read_is_unknown() -> None:
    assert (
        with_effects(RUN, LedgerRun(1, "t", "s", [], Path("x"), lambda: True)).effects_unknown
        == "the run has not ended"
    )


def test_a_record_that_may_miss_calls_is_no_result_of_a_python_test() -> None:
    require_whole_record(RUN)
    with pytest.raises(HostError, match="FA427"):
        require_whole_record(with_effects(RUN, ledger(History((CALL,), "the ledger ended"))))


def test_a_call_without_a_route_fails_a_python_test() -> None:
    require_routes(with_effects(RUN, ledger(History((CALL,)))))
    stray = dataclasses.replace(CALL, route="", status=404)
    with pytest.raises(AgentFailedError, match="FA223: the agent called pay, which has no such route"):
        require_routes(with_effects(RUN, ledger(History((stray,)))))
