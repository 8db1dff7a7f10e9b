"""A run of the fixture ``agent_runner``, from its words to an error or the evidence; nothing is started."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError
from pytest_flink_agents.checks.configuration import NOT_TAKEN
from pytest_flink_agents.evidence.model import Evidence, Failure, LogError, Output
from pytest_flink_agents.evidence.replays import InputRun, Replay, Replays, UndisturbedRun
from pytest_flink_agents.provision.ledger import SessionLedger
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.run import prepared_run
from pytest_flink_agents.run.agent_runner import AgentRunner
from pytest_flink_agents.run.subject import AgentFailedError, require_replays
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier

RIGHT = Evidence("embedded", "2.2.1", "bundled", job_state="FINISHED", blocked=())
ROW = {"value": "9s", "source": "the test", "note": f"{NOT_TAKEN}: it runs with 5s"}


class Parts:
    """The services of a session and the test environment of its release: none runs."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(root, ())
        self.redactor = Redactor({})
        self.ledger = SessionLedger(root)
        self.engine = SimpleNamespace(name=Engine.BUNDLED)
        self.project = Project.of(self.settings)
        self.formats: list[Any] = []
        self.said: list[str] = []
        self.progress = self.said.append
        self.models = SimpleNamespace(channel=self.channel)

    def environment(self, _: Any) -> Parts:
        return self

    def channel(self, _script: Any, _recorder: Any, formats: Any) -> nullcontext[None]:
        self.formats.append(formats)
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
        monkeypatch.setattr(prepared_run, "execute", lambda *_: evidence)
        folder = tmp_path / "test" / "1"
        runner = AgentRunner(services, resolve_flink("2.2"), tier, folder, project=parts.project)
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


def test_inputs_are_replayed_on_no_remote_tier_and_with_the_bundled_engine(
    run: Callable[..., Evidence], parts: Parts
) -> None:
    refused = "always_replay: inputs are not replayed, because of the "
    with pytest.raises(ValueError, match=f"{refused}tier remote"):
        run(tier=Tier.REMOTE, always_replay=True)
    parts.engine.name = Engine.UPSTREAM
    with pytest.raises(ValueError, match=f"{refused}engine upstream"):
        run(always_replay=True)
    # The option says what it leaves out.
    parts.settings = dataclasses.replace(parts.settings, always_replay=True)
    assert run().replays is None
    assert parts.said == ["test: not replayed, because of the engine upstream, whose actions cannot be abandoned"]


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


def test_replays_of_a_run_that_is_expected_to_fail_are_refused_or_left_out(
    run: Callable[..., Evidence], parts: Parts
) -> None:
    failed = Evidence("local", "2.2.1", "bundled", job_state="FAILED", blocked=(), failure=Failure("out of stock"))
    expect = {"failure": {"contains": "out of stock"}}
    with pytest.raises(ValueError, match=r"expect\.failure beside always_replay"):
        run(failed, Tier.LOCAL, always_replay=True, expect=expect)
    # The option leaves out what cannot be replayed, as it does for scenarios.
    parts.settings = dataclasses.replace(parts.settings, always_replay=True)
    assert run(failed, Tier.LOCAL, expect=expect).replays is None


def test_demanded_replays_of_a_run_that_reached_its_end_must_exist() -> None:
    ended = Evidence("local", "2.2.1", "bundled", input_keys=("k",))
    with pytest.raises(AgentFailedError, match="FA224: the replays cannot be judged: nothing was replayed"):
        require_replays(ended, demanded=True)
    require_replays(dataclasses.replace(ended, failure=Failure("no power")), demanded=True)
    require_replays(ended)


def test_a_replay_that_ends_otherwise_fails_the_test() -> None:
    one = UndisturbedRun(0, "k", (), InputRun(outputs=(1,)))
    same, other = (Replay(1, 0, 0, InputRun(outputs=(output,))) for output in (1, 2))
    evidence = Evidence("local", "2.2.1", "bundled", outputs=(Output("k", 1, 0),), input_keys=("k",))
    require_replays(evidence)
    require_replays(dataclasses.replace(evidence, replays=Replays((one,), (same,), points=1)))
    with pytest.raises(AgentFailedError, match=r'FA224: input 0 of key "k" has other outputs') as caught:
        require_replays(dataclasses.replace(evidence, replays=Replays((one,), (other,), points=1)))
    assert (caught.value.problems[0].expected, caught.value.problems[0].seen) == ("[1]", "[2]")
    with pytest.raises(AgentFailedError, match="FA224: the replays cannot be judged: no crash point was replayed"):
        require_replays(dataclasses.replace(evidence, replays=Replays((one,))))


SAID = Evidence(
    "embedded",
    "2.2.1",
    "bundled",
    job_state="FINISHED",
    blocked=(),
    outputs=(Output("k", {"said": "hi", "total": 20}),),
    input_keys=("k",),
)


def expected(total: Any) -> dict[str, Any]:
    return {"outputs": [{"key": "k", "value": {"said": {"contains": "h"}, "total": total}}]}


def test_a_run_as_expected_returns_its_evidence(run: Callable[..., Evidence]) -> None:
    assert run(SAID, expect=expected({"approx": {"value": 20.4, "abs": 0.5}})) == SAID
    # Not judged here: the marker log_allow is.
    logged = dataclasses.replace(SAID, log_errors=(LogError("taskmanager.log", "ERROR on fire"),))
    assert run(logged, expect=expected(20)) == logged
    with pytest.raises(AgentFailedError, match="on fire"):
        run(logged, expect={**expected(20), "logs": {"allow": ["other"]}})


def test_errors_in_logs_do_not_hide_unused_rules_and_missing_actions(run: Callable[..., Evidence]) -> None:
    logged = dataclasses.replace(SAID, log_errors=(LogError("taskmanager.log", "ERROR on fire"),))
    with pytest.raises(AgentFailedError, match="FA225") as caught:
        run(logged, expect=expected(20), llm=[{"reply": {"text": "hi"}}])
    assert "the model was never asked" in str(caught.value)
    silent = dataclasses.replace(logged, tier="local", outputs=(), metrics={"numOfActionsExecuted": 0.0})
    with pytest.raises(AgentFailedError, match="no action of the agent ran"):
        run(silent, Tier.LOCAL, expect={"outputs": []})


def test_what_plugins_add_to_the_language_reaches_a_python_test(run: Callable[..., Evidence], parts: Parts) -> None:
    formats: Any = {"plain": SimpleNamespace(path="/generate", read=dict, write=dict)}
    matchers = {"divisible_by": lambda seen, by: seen % by == 0}
    parts.project = dataclasses.replace(parts.project, matchers=matchers, model_formats=formats)
    assert run(SAID, expect=expected({"divisible_by": 5})) == SAID
    with pytest.raises(AgentFailedError, match="at total: expected divisible_by 3, seen 20"):
        run(SAID, expect=expected({"divisible_by": 3}))
    assert parts.formats == [formats, formats]


def test_a_run_that_is_not_as_expected_fails_with_the_line_and_what_was_seen(run: Callable[..., Evidence]) -> None:
    with pytest.raises(AgentFailedError) as caught:
        run(SAID, expect=expected(21))
    text = str(caught.value)
    assert "FA225: the run is not as the test expects" in text
    assert "output 1 is not as expected: at total: expected 21, seen 20" in text
    assert '"total": 21' in text
    assert caught.value.evidence == SAID


def test_an_expected_failure_may_happen_and_must(run: Callable[..., Evidence]) -> None:
    failed = Evidence("embedded", "2.2.1", "bundled", job_state="FAILED", blocked=(), failure=Failure("out of stock"))
    expect = {"failure": {"contains": "out of stock"}}
    assert run(failed, expect=expect) == failed
    for evidence in (SAID, dataclasses.replace(failed, failure=Failure("no power"))):
        with pytest.raises(AgentFailedError, match="FA225"):
            run(evidence, expect=expect)
    with pytest.raises(AgentFailedError, match="the job failed: out of stock"):
        run(failed, expect={"outputs": []})


def test_what_the_evidence_cannot_show_is_no_pass_and_no_fault_of_the_agent(run: Callable[..., Evidence]) -> None:
    with pytest.raises(HostError, match="FA429") as caught:
        run(SAID, expect={**expected(20), "latency": {"max_ms": {"max": 5}}})
    assert "the latency is not known" in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"expect": {"output": []}}, 'FA202: unknown key "output" in expect'),
        ({"expect": {}}, "FA204"),
        ({"expect": {"outputs": [{"key": "k", "value": {"contains": ""}}]}}, "a matcher that cannot fail"),
        ({"expect": {"effects": {"payments": {"count": 1}}}}, "payments"),
        ({"expect": {"outputs": {1, 2}}}, "expect: Object of type set is not JSON serializable"),
        ({"expect": {"outputs": []}, "check": False}, "expect beside check=False"),
    ],
)
def test_wrong_expectations_are_refused_before_anything_runs(
    words: dict[str, Any], message: str, run: Callable[..., Evidence]
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        run(SAID, **words)


def test_two_deliveries_that_differ_are_refused(run: Callable[..., Evidence]) -> None:
    expect = {"delivery": {"outputs": "exactly_once"}}
    message = "delivery: at_least_once beside expect.delivery.outputs: exactly_once: remove one of the two"
    with pytest.raises(ValueError, match=re.escape(message)):
        run(SAID, Tier.LOCAL, delivery="at_least_once", expect=expect)
    delivered = dataclasses.replace(SAID, outputs=(Output("k", 1, input=0),), transport="memory")
    assert run(delivered, Tier.LOCAL, delivery="exactly_once", expect=expect) == delivered
