"""A key of the operator that has work, or is cached."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.failure import FAILURE_MARK, ActionFailure
from flink_agents_runtime.engine.run import KeyRun, Step
from flink_agents_runtime.engine.state import KeyState

# The pause before a waiting key is polled. A poll costs a timer, so pauses double up to a maximum.
FIRST_POLL_MS = 2
MAX_POLL_MS = 32


class LiveKey:
    """A busy or cached key: its run, outputs and polling pause.

    ``stored`` is the size of its snapshot in Flink's state, 0 if there is none.
    """

    def __init__(
        self, engine: Engine, key: str, state: KeyState, stored: int, record: Callable[[Any, Any, int | None], Any]
    ) -> None:
        self.outputs: list[Any] = []
        self.poll_ms = FIRST_POLL_MS
        self.stored = stored
        business_key = json.loads(key)
        self.run: KeyRun = engine.run_for(
            business_key,
            state,
            lambda value, timestamp: self.outputs.append(record(business_key, value, timestamp)),
        )


def run_until_blocked(run: KeyRun, stamp_of: Callable[[KeyState], int | None], slice_s: float) -> Step:
    """Step until the key is idle, waits or changes its time stamp, or its slice of time is over.

    The failure of an action fails the job; its data follows as one line of JSON for the harness.
    """
    stamp, until_s = stamp_of(run.state), time.monotonic() + slice_s
    try:
        while (step := run.step()) is Step.PROGRESSED and stamp_of(run.state) == stamp and time.monotonic() < until_s:
            pass
    except ActionFailure as failure:
        raise RuntimeError(f"{failure}\n{FAILURE_MARK}{json.dumps(failure.as_json())}") from failure.original
    return step
