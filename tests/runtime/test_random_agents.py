"""Agents drawn from seeds: results do not depend on threads, other keys and restarts.

``FLINK_AGENTS_RANDOM_SEEDS`` is the number of seeds, by default 300.
"""

import json
import os
from collections import Counter
from random import Random

import pytest
from engine_bench import ManualExecutor
from random_agents import CALLS, drawn

from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.run import Step
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.host import LocalHost

SEEDS = int(os.environ.get("FLINK_AGENTS_RANDOM_SEEDS", "300"))
# Blocks, so that a longer run does not make a test for each seed.
BLOCKS = [range(first, min(first + 50, SEEDS)) for first in range(0, SEEDS, 50)]


def by_key(result):
    """The outputs of each key as JSON texts, in order."""
    assert result.failure is None, result.failure.traceback_text
    keys = {}
    for output in result.outputs:
        keys.setdefault(json.dumps(output.key), []).append(json.dumps(output.value))
    return keys


def settled(agent, outputs):
    """What is certain about the outputs of one key."""
    return Counter(outputs) if agent.kind == "web" else outputs


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_outputs_and_memory_of_a_key_do_not_depend_on_threads_and_other_keys(seeds):
    for seed in seeds:
        agent = drawn(seed)
        together = by_key(LocalHost(agent.plan(**{"num-async-threads": 8})).run(agent.records))
        alone = {}
        for key in dict.fromkeys(json.dumps(record["key"]) for record in agent.records):
            records = [record for record in agent.records if json.dumps(record["key"]) == key]
            alone |= by_key(LocalHost(agent.plan(**{"num-async-threads": 1})).run(records))
        assert together.keys() == alone.keys(), seed
        for key, outputs in together.items():
            assert settled(agent, outputs) == settled(agent, alone[key]), (seed, agent.kind, key)


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_a_seed_gives_the_same_order_with_one_thread_and_many(seeds):
    for seed in seeds:
        agent = drawn(seed)
        one, many = (
            LocalHost(agent.plan(**{"num-async-threads": threads}), seed=seed).run(agent.records).outputs
            for threads in (1, 8)
        )
        assert json.dumps(one) == json.dumps(many), (seed, agent.kind)


@pytest.mark.parametrize("seeds", BLOCKS, ids=str)
def test_a_restart_at_any_step_changes_no_output_and_no_memory(seeds):
    for seed in seeds:
        agent = drawn(seed)
        values = [record["value"] for record in agent.records if record["key"] == agent.records[0]["key"]]
        outputs, calls, steps, _ = _run(agent, values, Random(seed), restart_at=None)
        restart_at = Random(seed).randrange(steps)
        again, calls_again, _, in_flight = _run(agent, values, Random(seed + 1), restart_at=restart_at)
        if agent.repeats:
            assert set(again) == set(outputs), seed
        else:
            assert settled(agent, again) == settled(agent, outputs), (seed, agent.kind)
            assert Counter(calls_again) == Counter(calls) + Counter(in_flight), (seed, agent.kind)


def _run(agent, values, random, *, restart_at):
    """Run one key; with a restart from the snapshot after so many steps, when everything but the state is lost.

    Returns outputs, calls, the number of steps, and the calls that were made but not yet recorded at the restart.
    """
    CALLS.clear()
    outputs, steps, lost, last_job = [], 0, [], None
    executor, run = _opened(agent, KeyState(), outputs)
    for value in values:
        run.offer(value)
    while True:
        if steps == restart_at:
            lost = [last_job] if any(future.done() for future in run.waiting_on) else []
            snapshot = run.state.snapshot()
            run.close()
            executor, run = _opened(agent, KeyState.restore(snapshot), outputs)
            restart_at = None
        step = run.step()
        steps += 1
        if step is Step.IDLE:
            return outputs, list(CALLS), steps, lost
        if step is Step.WAITING:
            executor.run_next(random.randrange(len(executor.jobs)))
            last_job = CALLS[-1]


def _opened(agent, state, outputs):
    executor = ManualExecutor()
    engine = Engine(agent.plan(), executor=executor)
    return executor, engine.run_for("k", state, lambda value, _: outputs.append(json.dumps(value)))
