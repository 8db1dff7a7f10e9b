"""The operator that abandons its attempt once at each of some points, and writes down what it did.

The next attempt finds what a crash leaves in production: Flink's last checkpoint and the records of
the action state store. In process mode the process really dies, so that nothing else is left and
nothing that an agent catches or cleans up can run. In thread mode the process is the TaskManager,
which other jobs share: there an exception abandons the attempt, and each attempt imports the modules of
the agent anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_agents.plan.configuration import AgentConfiguration
from pyflink.datastream import KeyedProcessFunction, RuntimeContext

from flink_agents_runtime.engine.action_record import StoreError
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.cause import Attempt, set_attempt
from flink_agents_runtime.engine.engine import Engine
from flink_agents_runtime.engine.expiry import wall_ms
from flink_agents_runtime.engine.failure import FAILURE_MARK
from flink_agents_runtime.engine.recorded import RecordedRun
from flink_agents_runtime.engine.replayed import CountingStore, SeenRun, UnstoredRun, wait_for
from flink_agents_runtime.on_flink.agent_process import forget_modules_of
from flink_agents_runtime.on_flink.operator import AgentOperator, key_text
from flink_agents_runtime.plan.named_plan import NamedPlan
from flink_agents_runtime.stores.memory import MemoryStore


class AbandonedError(BaseException):
    """The end of an attempt at a crash point. No ``except Exception`` of an agent catches it."""


@dataclass(frozen=True, slots=True)
class Death:
    """The point of one input at which its attempt ends: before the record after ``after`` others.

    After the last record it is the end of the input. ``attempt`` numbers the calls before the death,
    and the next number those after it.
    """

    after: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ReplayScript:
    """The deaths of one job by the numbers of their inputs; every input is processed to its end.

    ``journal`` is the file of what happened, which the job's processes share with the harness.
    ``attempt`` numbers the calls of inputs without a death. ``clock_ms`` is the time at which each
    input is processed; empty for the clock of the process. With ``exits`` the process dies, which must
    then be of this job alone.
    """

    journal: str
    deaths: Mapping[int, Death]
    attempt: int = 0
    clock_ms: tuple[int, ...] = ()
    exits: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, Any], *, exits: bool) -> ReplayScript:
        """Return the script of a request."""
        deaths = {death["input"]: Death(death["after"], death["attempt"]) for death in fields["deaths"]}
        return cls(fields["journal"], deaths, fields["attempt"], tuple(fields["clock_ms"]), exits)


class Journal:
    """A file with one line of JSON for each thing that happened in the processes of a job."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self._file.exists():
            yield from map(json.loads, self._file.read_text(encoding="utf-8").splitlines())

    def write(self, **fields: Any) -> None:
        """Add a line. It is in the file when this returns, whatever happens to the process."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(fields, default=str) + "\n")


class ReplayOperator(AgentOperator):
    """Runs an agent plan as a script says, one input after the other, each to its end."""

    # An input that returned to Flink before its end would let others run in between.
    slice_s = float("inf")

    def __init__(
        self, plan_json: str, job_name: str, script: ReplayScript, environment: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(plan_json, job_name, environment)
        self._script = script

    def open(self, runtime_context: RuntimeContext) -> None:
        """Open the engine, and remember which inputs have had their death."""
        self._journal = Journal(self._script.journal)
        self._dead = {line["input"] for line in self._journal if line["what"] == "died"}
        self._attempt = Attempt(0)
        self._seen = SeenRun()
        self._now_ms = 0
        self._input = 0
        self._dies_after: int | None = None
        self._abandoned = False
        if not self._script.exits:
            forget_modules_of(self._plan_json)
        super().open(runtime_context)
        self._journal.write(what="opened")

    def _open_store(self, config: AgentConfiguration) -> ActionStateStore | None:
        store = super()._open_store(config)
        self._steps = CountingStore(store or MemoryStore(), self._attempt, before_put=self._die_if_due)
        return self._steps if store is not None else None

    def _open_engine(self, plan: NamedPlan) -> Engine:
        engine = Engine(
            plan,
            executor=self._executor,
            observers=[*([self._logs] if self._logs else []), self._seen],
            metrics=self._metrics,
            is_done=wait_for,
            now_ms=lambda: self._now_ms,
            store=self._steps,
        )
        engine.recorded_run = RecordedRun if self._store is not None else UnstoredRun
        return engine

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterable[Any]:
        """Take one input and run it to its end, or to the death of this attempt."""
        fields = json.loads(value)
        self._begin(fields["input"])
        live = self._live_key(key_text(fields["key"]))
        try:
            outputs = list(super().process_element(value, ctx))
            self._die_if_due()
        except (Exception, AbandonedError) as error:
            if self._abandoned:
                raise RuntimeError(f"the attempt was abandoned at a crash point of input {self._input}") from None
            self._failed(error)
            raise
        finally:
            set_attempt(None)
        self._seen.outputs = [json.loads(output)["value"] for output in outputs]
        self._ended(run=self._seen.as_json(live.run.state))
        return outputs

    def _begin(self, number: int) -> None:
        death = self._script.deaths.get(number)
        died = number in self._dead
        self._attempt.number = self._script.attempt if death is None else death.attempt + died
        self._dies_after = None if death is None or died else death.after
        # Of this thread: the one that opened the operator may be another.
        set_attempt(self._attempt)
        self._steps.begin_input()
        self._input = number
        # Stands still while an input is processed, and is the same in each of its runs: memory must not expire because
        # a replay comes later.
        self._now_ms = self._script.clock_ms[number] if self._script.clock_ms else wall_ms()
        self._seen.clear()

    def _die_if_due(self) -> None:
        # Again if the agent has caught it.
        if not self._abandoned and self._dies_after == self._attempt.steps:
            self._abandoned = True
            self._journal.write(what="died", input=self._input, after=self._dies_after)
            if self._script.exits:
                os._exit(1)
        if self._abandoned:
            raise AbandonedError

    def _failed(self, error: BaseException) -> None:
        """Write down the failure of an action, or the problem that the store has."""
        text = str(error).partition(f"\n{FAILURE_MARK}")[0]
        if isinstance(error.__cause__, StoreError):
            self._ended(run=None, problem=text)
        else:
            self._ended(run={"outputs": [], "events": self._seen.events, "memory": {}, "failure": text})

    def _ended(self, *, run: Mapping[str, Any] | None, problem: str = "") -> None:
        self._journal.write(
            what="ended",
            input=self._input,
            attempt=self._attempt.number,
            now_ms=self._now_ms,
            steps=self._steps.steps(),
            run=run,
            problem=problem,
        )
