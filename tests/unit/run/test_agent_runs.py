"""A run of the fixture ``agent_runner``, from its words to an error or the evidence; nothing is started."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError
from pytest_flink_agents.checks.configuration import NOT_TAKEN
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.replays import InputRun, Replay, Replays, UndisturbedRun
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.run import agent_runner as module
from pytest_flink_agents.run.agent_runner import AgentRunner
from pytest_flink_agents.run.subject import AgentFailedError, require_replays
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier

RIGHT = Evidence("embedded", "2.2.1", "bundled", job_state="FINISHED", blocked=())
ROW = {"value": "9s", "source": "the test", "note": f"{NOT_TAKEN}: it runs with 5s"}


class Parts:
    """The services of a session and the test environment of its release: none runs."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(root, ())
        self.redactor = Redactor({})
        self.engine = SimpleNamespace(name=Engine.BUNDLED)
        self.models = SimpleNamespace(channel=lambda *_: nullcontext(None))

    def environment(self, _: Any) -> Parts:
        return self

    def effects(self, *_: Any) -> nullcontext[None]:
        return nullcontext(None)

    def provide(self, *_: Any, **__: Any) -> None:
        pass

    let_services_be_reached = provide


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: Parts) -> Callable[..., Evidence]:
    """Run an agent as a test does; the evidence of the run is given."""

    def run(evidence: Evidence = RIGHT, tier: Tier = Tier.EMBEDDED, **words: Any) -> Evidence:
        services: Any = parts
        monkeypatch.setattr(module, "execute", lambda *_: evidence)
        runner = AgentRunner(services, resolve_flink("2.2"), tier, tmp_path / "test" / "1")
        return runner.run("shop:Echo", [("k", 1)], **words)

    return run


@pytest.mark.parametrize("check", [True, False])
def test_a_cluster_without_an_option_that_it_was_given_is_no_result(run: Callable[..., Evidence], check: bool) -> None:
    evidence = Evidence("embedded", "2.2.1", "bundled", blocked=(), flink_config={"heartbeat.timeout": ROW})
    with pytest.raises(HostError) as caught:
        run(evidence, flink_config={"heartbeat.timeout": "9s"}, check=check)
    (problem,) = caught.value.problems
    assert (problem.code, problem.expected) == ("FA447", "9s")
    assert problem.seen == f"the test: heartbeat.timeout: {NOT_TAKEN}: it runs with 5s"
    assert run(flink_config={"heartbeat.timeout": "9s"}, check=check) is not None


def test_an_empty_list_of_addresses_is_refused_before_anything_runs(run: Callable[..., Evidence]) -> None:
    with pytest.raises(ValueError, match=r"network: wrong value: expected a list that is not empty, seen \[\]"):
        run(network=[])


def test_a_limit_that_a_test_writes_must_have_been_kept(run: Callable[..., Evidence]) -> None:
    unlimited = Evidence("embedded", "2.2.1", "upstream", job_state="FINISHED")
    for network in ("closed", ["a.example:1"]):
        with pytest.raises(HostError, match="FA428"):
            run(unlimited, network=network)
        assert run(unlimited, network=network, check=False) is not None
    assert run(unlimited, network="open") is not None
    assert run(unlimited) is not None
    assert run(network="closed").blocked == ()


def test_inputs_are_replayed_on_the_local_tier_only(run: Callable[..., Evidence]) -> None:
    with pytest.raises(ValueError, match="always_replay: inputs are replayed on the local tier, not on embedded"):
        run(always_replay=True)


@pytest.mark.parametrize(
    ("words", "obstacle"),
    [
        ({"llm": [{"reply": {"text": "hi"}, "times": 1}]}, "a rule of a model with times"),
        (
            {"effects": [{"name": "pay", "route": "POST /x", "fault": {"status": 503, "times": 1}}]},
            "a fault of POST /x",
        ),
        (
            {"effects": [{"name": "pay", "route": "POST /x", "reply": {"text": "${request.sequence}"}}]},
            r"a reply of POST /x with \$\{request.sequence\}",
        ),
    ],
)
def test_answers_that_depend_on_the_number_of_calls_are_not_replayed(
    run: Callable[..., Evidence], words: dict[str, Any], obstacle: str
) -> None:
    with pytest.raises(ValueError, match=f"always_replay: {obstacle}.* cannot be given again: remove one of the two"):
        run(tier=Tier.LOCAL, always_replay=True, **words)


def test_a_replay_that_ends_otherwise_fails_the_test() -> None:
    one = UndisturbedRun(0, "k", (), InputRun(outputs=(1,)))
    same, other = (Replay(1, 0, 0, InputRun(outputs=(output,))) for output in (1, 2))
    evidence = Evidence("local", "2.2.1", "bundled", input_keys=("k",))
    require_replays(evidence)
    require_replays(dataclasses.replace(evidence, replays=Replays((one,), (same,), points=1)))
    with pytest.raises(AgentFailedError, match=r'FA224: input 0 of key "k" has other outputs') as caught:
        require_replays(dataclasses.replace(evidence, replays=Replays((one,), (other,), points=1)))
    assert (caught.value.problems[0].expected, caught.value.problems[0].seen) == ("[1]", "[2]")
    with pytest.raises(AgentFailedError, match="FA224: the replays cannot be judged: no crash point was replayed"):
        require_replays(dataclasses.replace(evidence, replays=Replays((one,))))
