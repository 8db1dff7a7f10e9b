"""Agents drawn from seeds, crashed at any point and recovered: outputs are those without a crash.

``FLINK_AGENTS_RANDOM_SEEDS`` is the number of seeds, by default 300.
"""

import contextlib
import json
import os
import threading
from collections import Counter
from random import Random

import pytest
from crashes import Crash, CrashingStore
from engine_bench import ManualExecutor
from random_agents import CALLS, drawn

from flink_agents_runtime.engine.durable import _args_digest
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.run import Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.host import LocalHost

SEEDS = int(os.environ.get("FLINK_AGENTS_RANDOM_SEEDS", "300"))
BLOCKS = [range(first, min(first + 50, SEEDS)) for first in range(0, SEEDS, 50)]


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def calls_made():
    """The durable calls since the last time, by digest of their arguments, once no thread is left that makes any."""
    for thread in threading.enumerate():
        if thread.name.startswith("agent-async"):
            thread.join(30)
            assert not thread.is_alive()
    made = Counter(_args_digest(tuple(json.loads(text)), {}) for text in CALLS)
    CALLS.clear()
    return made


class Attempts:
    """Attempts at one agent in the local host. ``outputs`` holds those of the current one, seen as they come."""

    def __init__(self, agent, threads):
        self._agent = agent
        self._threads = threads
        self.store = CrashingStore()
        self.outputs = {}

    def run(self, crash_at):
        """Run from the first input on. Returns the calls made, and whether the attempt reached its end."""
        self.store.begin(crash_at)
        self.outputs = {}
        plan = self._agent.plan(**{"num-async-threads": self._threads})
        host = LocalHost(plan, observers=[self.store, self], store=self.store)
        try:
            result = host.run(self._agent.records)
        except Crash:
            return calls_made(), False
        assert result.failure is None, result.failure.traceback_text
        assert len(result.outputs) == sum(map(len, self.outputs.values()))
        return calls_made(), True

    def event_processed(self, key, event_type, event):
        if event_type == "_output_event":
            output = json.dumps(json.loads(event)["attributes"]["output"])
            self.outputs.setdefault(json.dumps(key), []).append(output)


def same(agent, outputs, expected):
    """Whether the outputs of all keys are as expected, in order where the order is certain."""
    if agent.kind == "web":
        return {k: Counter(v) for k, v in outputs.items()} == {k: Counter(v) for k, v in expected.items()}
    return outputs == expected


def begins(agent, outputs, expected):
    """Whether the outputs are those of a part of the expected run."""
    if agent.kind == "web":
        return all(Counter(values) <= Counter(expected[key]) for key, values in outputs.items())
    return all(expected[key][: len(values)] == values for key, values in outputs.items())


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_a_crash_at_any_point_of_a_local_run_changes_no_output(seeds):
    for seed in seeds:
        agent, random = drawn(seed), Random(seed)
        whole = Attempts(agent, threads=1)
        calls, _ = whole.run(None)
        expected = whole.outputs

        crashing = Attempts(agent, threads=random.choice([1, 8]))
        for _ in range(random.randint(1, 3)):
            recorded = crashing.store.recorded
            made, ended = crashing.run(random.randrange(whole.store.points))
            assert made <= calls - recorded, (seed, agent.kind)
            assert begins(agent, crashing.outputs, expected), (seed, agent.kind)
            if ended:  # with the records of the attempts before it, it came to its end before the point
                break
        else:
            recorded = crashing.store.recorded
            made, ended = crashing.run(None)
        assert ended
        assert made == calls - recorded, (seed, agent.kind)
        assert same(agent, crashing.outputs, expected), (seed, agent.kind)


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_a_checkpoint_and_the_store_restore_a_crashed_run(seeds):
    for seed in seeds:
        agent, random = drawn(seed), Random(seed)
        values = [record["value"] for record in agent.records if record["key"] == agent.records[0]["key"]]
        whole = OneKey(agent, values, Random(seed))
        whole.run_to(None)
        calls, expected = calls_made(), whole.outputs

        key = OneKey(agent, values, Random(seed + 1))
        key.run_to(random.randrange(whole.steps))
        snapshot, marker, outputs = key.run.state.snapshot(), key.store.marker(), list(key.outputs)
        if random.random() < 0.7:
            key.prune()
        key.store.begin(random.randrange(whole.store.points))
        with contextlib.suppress(Crash):
            key.run_to(None)
        assert calls_made() <= calls
        recorded = key.store.recorded
        key.store.begin(None)
        key.restore(snapshot, marker if random.random() < 0.5 else None)
        key.outputs[:] = outputs
        key.run_to(None)
        assert calls_made() == calls - recorded, (seed, agent.kind)
        assert same(agent, {"k": key.outputs}, {"k": expected}), (seed, agent.kind)


class OneKey:
    """One key over an executor that runs nothing until told, with a store."""

    def __init__(self, agent, values, random):
        self._agent = agent
        self._random = random
        self.store = CrashingStore()
        self.outputs = []
        self.steps = 0
        self._open(KeyState())
        for value in values:
            self.run.offer(value)

    def _open(self, state):
        self.executor = ManualExecutor()
        engine = Engine(self._agent.plan(), executor=self.executor, observers=[self.store], store=self.store)
        self.run = engine.run_for("k", state, lambda value, _: self.outputs.append(json.dumps(value)))

    def run_to(self, steps):
        """Step up to so many steps, or to the end."""
        while steps is None or self.steps < steps:
            step = self.run.step()
            self.steps += 1
            if step is Step.IDLE:
                return
            if step is Step.WAITING:
                self.executor.run_next(self._random.randrange(len(self.executor.jobs)))

    def prune(self):
        """As a host does when a checkpoint is complete."""
        self.store.prune('"k"', self.run.state.ended_sequence)

    def restore(self, snapshot, marker):
        """Lose all but the snapshot and the store."""
        self.run.close()
        self.store.rebuild(marker)
        self._open(KeyState.restore(snapshot))
