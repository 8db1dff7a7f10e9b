"""Run each input of an agent again from every point at which its process could have died.

The undisturbed run takes the inputs one by one, each to its end, and keeps what each of them began
with and recorded. A replay then starts in a process that has processed nothing: it restores the state
of the key as a checkpoint before the input holds it, with the records that the action state store
held at the crash, and runs the input to its end. Recovery is that of :class:`RecordedRun`, as on
Flink. In both, an awaited call ends before anything else of its key runs, so that two runs of a
deterministic agent do the same in the same order.

Each run has a process of its own, forked from one that has only imported the agent: a crash loses
what the agent kept in its process, too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import logging
import random
import sys
import sysconfig
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flink_agents_runtime.engine.action_record import ActionRecord, Execution, Place, StoreError
from flink_agents_runtime.engine.expiry import wall_ms
from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.run import KeyRun
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.isolation import ChildDiedError, run_in_child
from flink_agents_runtime.local.replay_process import ReplayProcess
from flink_agents_runtime.observe.outgoing_calls import carry_causes
from flink_agents_runtime.plan.named_plan import NamedPlan

_logger = logging.getLogger(__name__)
_MARGIN_S = 5.0
_PROGRESS_S = 5.0
_LIBRARIES = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The limits of a replay of inputs.

    Without a store (``with_store``) a crash loses all that an input did. Of more than ``max_points``
    crash points so many are drawn from ``seed``. ``run_s`` limits one run, ``deadline_s`` all.
    """

    with_store: bool
    max_points: int
    seed: int
    run_s: float
    deadline_s: float


def replay_inputs(plan: NamedPlan, inputs: Sequence[Mapping[str, Any]], options: ReplayOptions) -> dict[str, Any]:
    """Run the inputs undisturbed, and again from each crash point; return all runs as JSON.

    The process must have one thread, and must not have run the agent. ``problem`` says why there is
    no undisturbed run, or why a replay has no result; it is empty otherwise.
    """
    ends_s = time.monotonic() + options.deadline_s
    carry_causes()
    whole = {"deadline_s": options.deadline_s}
    undisturbed, _ = run_in_child(lambda _: _undisturbed(plan, inputs, options), whole, margin_s=_MARGIN_S)
    if isinstance(undisturbed, ChildDiedError):
        return _reply([], [], options, 0, f"the process of the undisturbed run {undisturbed}")
    _import_libraries(undisturbed["modules"])
    # Objects that no collection visits stay shared with the children.
    gc.collect()
    gc.freeze()
    began = undisturbed["runs"]
    points = [
        (number, after)
        for number, run in enumerate(began)
        for after in range(len(run["records"]) + 1 if options.with_store else 1)
    ]
    chosen = points
    if len(points) > options.max_points:
        chosen = sorted(random.Random(options.seed).sample(points, options.max_points))  # noqa: S311 - repeatable, not a secret
    replays = []
    report_s = time.monotonic() + _PROGRESS_S
    for attempt, (number, after) in enumerate(chosen, start=1):
        left_s = ends_s - time.monotonic()
        if left_s <= 0:
            replays.append(_failed(attempt, number, after, "the time for all replays was over"))
            continue
        limited = replace(options, run_s=min(options.run_s, left_s))
        replays.append(_replayed_in_child(plan, began[number], attempt, after, limited))
        if time.monotonic() > report_s:
            report_s += _PROGRESS_S
            _logger.info("%d of %d crash points replayed", attempt, len(chosen))
    return _reply(began, replays, options, len(points), undisturbed["problem"])


def _reply(
    runs: list[dict[str, Any]], replays: list[dict[str, Any]], options: ReplayOptions, points: int, problem: str
) -> dict[str, Any]:
    internal = ("value", "now_ms", "snapshot", "records")
    shown = [{name: value for name, value in run.items() if name not in internal} for run in runs]
    return {
        "undisturbed": shown,
        "replays": replays,
        "points": points,
        "with_store": options.with_store,
        "seed": options.seed,
        "problem": problem,
    }


def _failed(attempt: int, number: int, after: int, problem: str) -> dict[str, Any]:
    return {"attempt": attempt, "input": number, "after": after, "run": None, "problem": problem}


def _undisturbed(plan: NamedPlan, inputs: Iterable[Mapping[str, Any]], options: ReplayOptions) -> dict[str, Any]:
    """Run the inputs one after the other, with all that a replay needs of each."""
    known = set(sys.modules)
    process = ReplayProcess(plan, 0, with_store=options.with_store)
    runs: dict[str, KeyRun] = {}
    recorded: list[dict[str, Any]] = []
    problem = ""
    for number, record in enumerate(inputs):
        key = record["key"]
        identity = json.dumps(key, sort_keys=True, default=str)
        run = runs.get(identity) or runs.setdefault(identity, process.run_of(key, KeyState()))
        snapshot = run.state.snapshot()
        process.store.begin_input()
        now_ms = wall_ms()
        try:
            done = process.process(run, record["value"], number, now_ms)
        except ActionFailure as failure:
            problem = f"the undisturbed run failed: {failure}"
            break
        recorded.append(
            {
                "input": number,
                "key": key,
                "value": record["value"],
                "now_ms": now_ms,
                "snapshot": b64encode(snapshot).decode(),
                "records": [_as_json(*written) for written in process.store.written],
                "steps": process.store.steps(),
                "run": done,
            }
        )
    return {"runs": recorded, "modules": _libraries(known), "problem": problem}


def _replayed_in_child(
    plan: NamedPlan, began: Mapping[str, Any], attempt: int, after: int, options: ReplayOptions
) -> dict[str, Any]:
    def replay(_: Mapping[str, Any]) -> dict[str, Any]:
        return {"run": _replayed(plan, began, attempt, after, with_store=options.with_store)}

    result, _ = run_in_child(replay, {"deadline_s": options.run_s}, margin_s=_MARGIN_S)
    if isinstance(result, ChildDiedError):
        return _failed(attempt, began["input"], after, f"the process {result}")
    problem = result["run"].pop("problem", "")
    return {"attempt": attempt, "input": began["input"], "after": after, "run": result["run"], "problem": problem}


def _replayed(
    plan: NamedPlan, began: Mapping[str, Any], attempt: int, after: int, *, with_store: bool
) -> dict[str, Any]:
    """Run one input from what its key and the store held at a crash."""
    process = ReplayProcess(plan, attempt, with_store=with_store)
    for execution, record in map(_from_json, began["records"][:after]):
        process.store.put(execution, record)
    process.store.rebuild()
    process.store.begin_input()
    run = process.run_of(began["key"], KeyState.restore(b64decode(began["snapshot"])))
    try:
        return process.process(run, began["value"], began["input"], began["now_ms"])
    except ActionFailure as failure:
        if isinstance(failure.original, StoreError):
            return {"problem": str(failure)}
        return process.seen.as_json(run.state) | {"failure": str(failure)}


def _as_json(execution: Execution, record: ActionRecord) -> list[Any]:
    key, sequence, place = execution
    return [key, sequence, place.position, place.action, record.to_bytes().decode()]


def _from_json(fields: Sequence[Any]) -> tuple[Execution, ActionRecord]:
    key, sequence, position, action, text = fields
    return Execution(key, sequence, Place(position, action)), ActionRecord.from_bytes(text.encode())


def _libraries(known: set[str]) -> list[str]:
    """Return the modules of installed packages that were imported since."""
    files = ((name, getattr(module, "__file__", None)) for name, module in tuple(sys.modules.items()))
    return [name for name, file in files if name not in known and file and file.startswith(_LIBRARIES)]


def _import_libraries(names: Iterable[str]) -> None:
    """Import libraries that the agent imports as it runs, once instead of in every replay."""
    for name in names:
        # An import that fails now fails in the replay, too, and is the agent's business there.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
