"""The runs that a Python test may assert on, and the network that it may ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flink_testbed.core.problem import HostError
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.run.agent_runner import _allowed
from pytest_flink_agents.run.subject import AgentFailedError, AllowedNetwork, require_network, require_success

RIGHT = Evidence("embedded", "2.2.1", "upstream")


CLOSED = AllowedNetwork("t")


def require(evidence: Evidence, allowed: AllowedNetwork | None = None, *, demanded: bool = True) -> None:
    """Require what the fixture requires of a run with this limit."""
    require_success(evidence)
    require_network(evidence, allowed, demanded=demanded)


def test_a_right_run_passes_with_and_without_a_limit() -> None:
    require(RIGHT)
    require(replace(RIGHT, blocked=()), CLOSED)
    # Upstream's engine has no limit, and the test has not asked for one.
    require(RIGHT, CLOSED, demanded=False)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (replace(RIGHT, failure=Failure("no amount", "KeyError"), blocked=("a:1",)), "FA221: the run failed"),
        (replace(RIGHT, complete=False, timed_out_after_s=3.0, blocked=("a:1",)), "FA222: the run missed its deadline"),
        (replace(RIGHT, blocked=("a:1", "b:2")), "FA221: connections to a:1, b:2 were blocked"),
    ],
)
def test_any_other_run_raises(evidence: Evidence, said: str) -> None:
    with pytest.raises(AgentFailedError) as caught:
        require(evidence, CLOSED)
    assert said in str(caught.value)


@pytest.mark.parametrize(("engine", "demanded"), [("upstream", True), ("bundled", True), ("bundled", False)])
def test_a_run_without_the_record_of_its_limit_is_no_result(engine: str, demanded: bool) -> None:
    with pytest.raises(HostError, match=f"FA428: no process of engine {engine} on tier embedded limited its"):
        require(replace(RIGHT, engine=engine), CLOSED, demanded=demanded)


def test_the_network_of_a_test_is_closed_open_or_a_list() -> None:
    assert _allowed("t", "open") is None
    assert _allowed("t", "closed") == CLOSED
    assert (_allowed("t", None), _allowed("t", None, replaces=True)) == (None, CLOSED)
    assert _allowed("t", "open", replaces=True) is None
    assert _allowed("t", ("[::2]:3", "b.example:4")) == AllowedNetwork("t", ("[::2]:3", "b.example:4"))
    assert _allowed("t", ["a.example:1"]) == AllowedNetwork("t", ("a.example:1",))


@pytest.mark.parametrize(
    "network",
    ["shut", ["a.example"], ["https://a.example"], [], (), ["a.example:0"], ["a.example:70000"], ["*:443"], [b"a:1"]],
)
def test_a_network_that_says_nothing_clear_is_refused(network: str | list[str]) -> None:
    with pytest.raises(ValueError, match="network"):
        _allowed("t", network)
