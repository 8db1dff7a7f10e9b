"""The runs that a Python test may assert on, and the network that it may ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.run.agent_runner import _allowed
from pytest_flink_agents.run.subject import AgentFailedError, AllowedNetwork, require_success

RIGHT = Evidence("embedded", "2.2.1", "upstream")


def test_a_right_run_passes_with_and_without_a_limit() -> None:
    require_success(RIGHT)
    require_success(replace(RIGHT, blocked=()), limited=True)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (replace(RIGHT, failure=Failure("no amount", "KeyError"), blocked=("a:1",)), "FA221: the run failed"),
        (replace(RIGHT, complete=False, timed_out_after_s=3.0, blocked=("a:1",)), "FA222: the run missed its deadline"),
        (replace(RIGHT, blocked=("a:1", "b:2")), "FA221: connections to a:1, b:2 were blocked"),
        (RIGHT, "FA221: nothing limited the connections of the run, on the engine upstream"),
    ],
)
def test_any_other_run_raises(evidence: Evidence, said: str) -> None:
    with pytest.raises(AgentFailedError) as caught:
        require_success(evidence, limited=True)
    assert said in str(caught.value)


def test_the_network_of_a_test_is_closed_open_or_a_list() -> None:
    assert _allowed("t", "open") is None
    assert _allowed("t", "closed") == AllowedNetwork("t")
    assert _allowed("t", ["a.example:1"]) == AllowedNetwork("t", ("a.example:1",))


@pytest.mark.parametrize("network", ["shut", ["a.example"], ["https://a.example"]])
def test_a_network_that_says_nothing_clear_is_refused(network: str | list[str]) -> None:
    with pytest.raises(ValueError, match="network"):
        _allowed("t", network)
