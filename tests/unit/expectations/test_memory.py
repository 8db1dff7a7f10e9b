"""The word ``memory``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.model import Event, Evidence, MemoryOfKey

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN
LOCAL = "tiers: [local]\n"
RUN = Evidence(
    "local",
    "2.2.1",
    "bundled",
    events=(Event("_input_event", {"input": 1}, "c-1"),),
    input_keys=("c-1", 7, "7"),
    job_state="FINISHED",
    log_errors=(),
    memory=(
        MemoryOfKey("c-1", {"refunds.total": 1, "last": {"order": "o-1"}}),
        MemoryOfKey(7, {"total": 70}),
        MemoryOfKey(8, {"total": 80}),
        MemoryOfKey("7", {"total": 7}),
        MemoryOfKey({"shop": "é", "till": 2}, {"total": 9}),
    ),
)


@pytest.mark.parametrize(
    ("memory", "evidence", "validity"),
    [
        ("{c-1: {refunds.total: 1}}", RUN, VALID),
        ("{c-1: {refunds.total: 2}}", RUN, INVALID),
        ("{c-1: {refunds.total: {approx: {value: 2, abs: 1}}, last: {order: o-1}}}", RUN, VALID),
        ("{c-1: {last: {order: o-2}}}", RUN, INVALID),
        ("{c-1: {refunds: 1}}", RUN, INVALID),
        ("{c-2: {refunds.total: 1}}", RUN, INVALID),
        ("{'7': {total: 7}, '8': {total: 80}}", RUN, VALID),
        ("{'7': {total: 70}}", RUN, INVALID),
        ("""{'{"till":2, "shop": "é"}': {total: 9}}""", RUN, VALID),
        ("""{'{"till":2, "shop": "é"}': {total: 8}}""", RUN, INVALID),
        ("{c-1: {refunds.total: {not: null}}}", RUN, VALID),
        ("{c-1: {refunds.total: 1}}", dataclasses.replace(RUN, memory=None), UNKNOWN),
    ],
)
def test_memory_at_the_end(memory: str, evidence: Evidence, validity: Validity, stated: Stated) -> None:
    assert stated.validity("memory", f"memory: {memory}", evidence, LOCAL) is validity


@pytest.mark.parametrize(
    ("memory", "more", "code"),
    [
        (
            "{c-1: {total: 1}}",
            "upgrade: {from: {agent: shop.agents:RefundAgent, config: {}}, after: {outputs: 1}}\n",
            "FA204",
        ),
        ("{c-1: {}}", LOCAL, "FA203"),
        ("{c-1: {total: {any_value: true}}}", LOCAL, "FA209"),
    ],
)
def test_memory_that_cannot_be_meant_is_refused(memory: str, more: str, code: str, stated: Stated) -> None:
    assert [found for found, _ in stated.problems(f"memory: {memory}", more)] == [code]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"engine": "upstream"}, ": upstream's engine does not show it"),
        ({"tier": "remote"}, ": its files are on another machine, or hold more than 256 MiB"),
        ({"complete": False}, ""),
    ],
)
def test_an_unknown_memory_has_its_reason(change: dict[str, Any], reason: str, stated: Stated) -> None:
    evidence = dataclasses.replace(RUN, memory=None, **change)
    (finding,) = stated.result("memory", "memory: {c-1: {total: 1}}", evidence).findings
    assert finding.message == f"the memory at the end is not known{reason}"


def test_a_key_without_memory_is_shown_beside_those_that_have_some(stated: Stated) -> None:
    (finding,) = stated.result("memory", "memory: {c-9: {total: 1}}", RUN, LOCAL).findings
    assert finding.message == 'the memory of key "c-9" is empty'
    assert finding.seen == 'memory of "7", "c-1", 7, 8, {"shop": "é", "till": 2}'


def test_the_message_is_the_reviewed_one(stated: Stated) -> None:
    stated.passes("memory: {c-1: {refunds.total: 1}}", RUN, LOCAL)
    stated.fails("memory", "memory: {c-1: {refunds.total: 2, refunds.count: 1}}", RUN, LOCAL)
