"""A toy job as a generator of histories: inputs of several keys, one action with one call, a kill in between.

The job totals the amounts of each key. An input is one call of the action ``pay``, then its record in the store, then its
output, which the next checkpoint commits. A kill takes everything since the last checkpoint back, except calls and
records. ``wrong`` names one thing that a mutant of the job does wrong.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.model import (
    Checkpoint,
    Checkpoints,
    Evidence,
    JobException,
    MemoryOfKey,
    Output,
    StepRecord,
)

MUTANTS = (
    "drop",
    "double",
    "reorder",
    "forget state",
    "swallow error",
    "commit before act",
    "act before persist",
    "late zombie",
    "endless retry",
    "silent fresh start",
)
_CHECKPOINT_EVERY = 4


@dataclass
class ToyJob:
    """One run of the job, from a seed."""

    seed: int
    wrong: str = ""
    now_s: float = 1_000.0
    calls: list[EffectCall] = field(default_factory=list)
    records: list[ActionState] = field(default_factory=list)
    committed: list[Output] = field(default_factory=list)
    open: list[Output] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    attempt: int = 0
    restored_s: float | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        keys = self.random.randint(2, 3)
        self.keys = tuple(f"c-{self.random.randrange(keys)}" for _ in range(self.random.randint(14, 20)))
        # Two inputs after the second checkpoint or later, so that there is progress to lose.
        self.killed_at = self.random.choice(
            [at for at in range(9, len(self.keys) - 2) if at % _CHECKPOINT_EVERY in (2, 3)]
        )
        self.in_flight = self.random.random() < 0.5
        self.saved: tuple[int, dict[str, int]] = (0, {})

    def evidence(self) -> Evidence:
        """Run the job, and return its evidence."""
        step = self.run()
        endless = self.wrong == "endless retry"
        failures = tuple(JobException(int((self.now_s + 10 * n) * 1000), "no stock") for n in range(5))
        return Evidence(
            "embedded",
            "2.2.1",
            "bundled",
            outputs=tuple(self.committed),
            effects=tuple(self.calls),
            input_keys=self.keys,
            complete=not endless,
            job_state="RUNNING" if endless else "FINISHED",
            timed_out_after_s=60.0 if endless else None,
            memory=tuple(MemoryOfKey(key, {"total": total}) for key, total in sorted(self.totals.items())),
            checkpoints=Checkpoints(len(self.checkpoints), 0, 1, tuple(self.checkpoints), self.restored_s),
            exceptions=failures if endless else (),
            steps=(step,),
            action_states=tuple(self.records),
        )

    def run(self) -> StepRecord:
        """Handle all inputs, with a kill and a restart in between; return the record of the kill."""
        for number in range(self.killed_at):
            self._handle(number)
        if self.in_flight:
            self._call(self.killed_at)
        began_s = self._tick()
        self._kill()
        ended_s = self._tick(5.0)
        for number in range(self.saved[0], self.killed_at if self.wrong == "endless retry" else len(self.keys)):
            self._handle(number)
        if self.wrong != "endless retry":
            self._checkpoint(len(self.keys))
        if self.wrong == "late zombie":
            self.attempt = 0
            self._call(self.killed_at)
        return StepRecord("after 9 s", "kill taskmanager", 9.0, True, "", 5.0, True, began_s=began_s, ended_s=ended_s)

    def _tick(self, seconds: float = 0.1) -> float:
        self.now_s += seconds
        return self.now_s

    def _kill(self) -> None:
        if self.wrong == "commit before act":
            # Its outputs were visible before the checkpoint, and come again.
            self.committed += self.open
        self.open = []
        self.totals = dict(self.saved[1])
        self.attempt += 1
        if self.wrong == "forget state":
            self.totals = {}
        if self.wrong == "silent fresh start":
            self.saved, self.totals = (0, {}), {}
            self.records.clear()
            self.committed.clear()
            return
        self.restored_s = self.now_s + 1.0

    def _handle(self, number: int) -> None:
        key = self.keys[number]
        after = self.attempt > 0
        if self._record_of(number) is None:
            self._call(number)
            if self.wrong != "act before persist" or after:
                self._record(number)
        self.totals[key] = self.totals.get(key, 0) + 1
        outputs = [Output(key, {"total": self.totals[key]}, number, self._tick())]
        if after and number == self.killed_at:
            outputs *= {"drop": 0, "swallow error": 0, "double": 2}.get(self.wrong, 1)
        self.open += outputs
        if self.wrong == "reorder" and after and len(self.open) > 1:
            same = [one for one in self.open if one.key == key]
            if len(same) > 1:
                self.open.remove(same[-1])
                self.open.insert(0, same[-1])
        if (number + 1) % _CHECKPOINT_EVERY == 0:
            self._checkpoint(number + 1)

    def _checkpoint(self, inputs: int) -> None:
        self.committed += self.open
        self.open = []
        self.saved = (inputs, dict(self.totals))
        self.checkpoints.append(Checkpoint(len(self.checkpoints) + 1, self._tick()))

    def _call(self, number: int) -> None:
        sequence, key = len(self.calls) + 1, self.keys[number]
        self.calls.append(
            EffectCall(
                sequence,
                self._tick(),
                "effects",
                "payments",
                "POST /refunds",
                "POST",
                "/refunds",
                key=key,
                input=number,
                attempt=self.attempt,
                body=number,
                status=201,
                action="pay",
            )
        )

    def _record_of(self, number: int) -> ActionState | None:
        sequence = 1 + self.keys[:number].count(self.keys[number])
        return next((one for one in self.records if (one.key, one.sequence) == (self.keys[number], sequence)), None)

    def _record(self, number: int) -> None:
        key = self.keys[number]
        sequence = 1 + self.keys[:number].count(key)
        state = ActionState("job", key, sequence, "", "pay", 0, len(self.records), self._tick(), completed=True)
        self.records.append(state)
