"""The request for replays, their evidence, and what scrub removes from it; nothing is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.ledger.entry import EffectCall, History
from flink_testbed.responder import RefusedError
from pytest_flink_agents.evidence.replays import InputRun, RecordedStep, Replay, Replays, UndisturbedRun
from pytest_flink_agents.run.channel import MemoryChannel
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.replays import (
    has_action_store,
    replay_in_worker,
    scrubbed_replays,
    with_calls,
    without_unnamed_store,
)
from pytest_flink_agents.run.subject import AgentRefusedError, AgentSubject, ScriptSubject
from pytest_flink_agents.scenario.scrub import parse_scrub
from pytest_flink_agents.vocabulary import Tier

RUN = {"outputs": [1], "events": [["a", {"n": 1}]], "memory": {"total": 1}, "failure": None}
REPLY = {
    "undisturbed": [
        {"input": 0, "key": "k", "steps": [{"action": "pay", "call": "shop.pay", "ended": False}], "run": RUN}
    ],
    "replays": [
        {"attempt": 1, "input": 0, "after": 0, "run": RUN, "problem": ""},
        {"attempt": 2, "input": 0, "after": 1, "run": None, "problem": "it died"},
    ],
    "points": 2,
    "problem": "",
}
SUBJECT = AgentSubject("one", {"agent": "shop:Pays"}, seed=3)
CALL = EffectCall(1, 0.0, "effects", "pay", "POST /x", "POST", "/x", body={"at": 1, "order": 2})


class Worker:
    """A worker that gives one reply, or raises one error."""

    def __init__(self, reply: dict[str, Any] | RefusedError) -> None:
        self.reply = reply
        self.asked: dict[str, Any] = {}

    def request(self, op: str, **fields: Any) -> dict[str, Any]:
        self.asked = {"op": op, **fields}
        if isinstance(self.reply, RefusedError):
            raise self.reply
        return self.reply


def place(worker: Worker, directory: Path) -> Place:
    environment: Any = SimpleNamespace(worker=lambda: worker)
    return Place(environment, Tier.LOCAL, directory)


def refusal(kind: str) -> RefusedError:
    return RefusedError({"kind": kind, "message": "no", "expected": "", "seen": "", "next_step": "", "traceback": ""})


def replays(worker: Worker, directory: Path) -> Replays:
    channel = MemoryChannel([{"key": "k", "value": 1}])
    return replay_in_worker(SUBJECT, channel, place(worker, directory), with_store=True, run_s=5)


def test_the_reply_becomes_evidence(tmp_path: Path) -> None:
    worker = Worker(REPLY)
    run = InputRun((1,), (("a", {"n": 1}),), {"total": 1})
    assert replays(worker, tmp_path) == Replays(
        undisturbed=(UndisturbedRun(0, "k", (RecordedStep("pay", "shop.pay", ended=False),), run),),
        replays=(Replay(1, 0, 0, run), Replay(2, 0, 1, None, "it died")),
        points=2,
        seed=3,
    )
    asked = {name: worker.asked[name] for name in ("op", "inputs", "seed", "with_store", "run_s", "max_points")}
    assert asked == {
        "op": "replay",
        "inputs": [{"key": "k", "value": 1}],
        "seed": 3,
        "with_store": True,
        "run_s": 5,
        "max_points": 1000,
    }


def test_a_process_of_replays_that_dies_leaves_the_answer_unknown(tmp_path: Path) -> None:
    assert replays(Worker(refusal("replay")), tmp_path) == Replays(seed=3, unknown="no")


def test_an_agent_that_cannot_be_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgentRefusedError, match="FA220"):
        replays(Worker(refusal("plan")), tmp_path)


def test_only_an_agent_is_replayed(tmp_path: Path) -> None:
    script, channel = ScriptSubject(tmp_path / "a.py"), MemoryChannel([])
    with pytest.raises(ValueError, match="only the inputs of an agent"):
        replay_in_worker(script, channel, place(Worker(REPLY), tmp_path), with_store=False, run_s=5)


def test_an_incomplete_record_of_calls_makes_the_replays_unknown() -> None:
    ledger: Any = SimpleNamespace(history=History((CALL,), "the ledger ended"))
    assert with_calls(Replays(), None) == Replays()
    assert with_calls(Replays(), ledger) == Replays(calls=(CALL,), unknown="the ledger ended")
    assert with_calls(Replays(unknown="it died"), ledger).unknown == "it died"


def test_scrub_removes_keys_everywhere_and_paths_from_outputs() -> None:
    run = InputRun(({"at": 1, "of": {"lot": 2}},), (("a", {"at": 1, "lot": 2}),), {"last": {"at": 1}})
    one = UndisturbedRun(0, "k", (), run)
    found = scrubbed_replays(
        Replays((one,), (Replay(1, 0, 0, run), Replay(2, 0, 1, None)), (CALL,)),
        [parse_scrub("at"), parse_scrub("$.of.lot")],
    )
    clean = InputRun(({"of": {}},), (("a", {"lot": 2}),), {"last": {}})
    assert (found.undisturbed[0].run, found.replays[0].run, found.replays[1].run) == (clean, clean, None)
    assert found.calls == (replace(CALL, body={"order": 2}),)


def test_a_store_whose_brokers_are_named_stays() -> None:
    store, brokers = {"actionStateStoreBackend": "kafka"}, {"kafkaBootstrapServers": "b:9092"}
    assert without_unnamed_store(store | {"a": 1}) == {"a": 1}
    assert without_unnamed_store(store | brokers) == store | brokers
    assert has_action_store(store)
    assert not has_action_store({"actionStateStoreBackend": None})
