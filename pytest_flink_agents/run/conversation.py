"""Which inputs wait for which outputs, and which of them are still held. Starts nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flink_testbed.core.patterns import TooSlowError
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.model import HeldInput
from pytest_flink_agents.run.records import Inputs
from pytest_flink_agents.scenario.matching.custom import CustomMatcherError
from pytest_flink_agents.scenario.matching.matcher import Matcher
from pytest_flink_agents.scenario.scrub import ScrubPath, scrubbed


@dataclass(frozen=True, slots=True)
class Turn:
    """An input that an output of its key releases; ``entry`` is its place under ``inputs``."""

    entry: int
    output: Matcher


class Conversation:
    """The inputs of one run that are held back, by key.

    The inputs of a key are sent in their order, so one without a condition waits behind a held one,
    too. An output releases one held input at most: the next one waits for a later output. Outputs
    are compared without the places that ``scrub`` removes.
    """

    def __init__(self, inputs: Inputs, turns: Mapping[int, Turn], scrub: Sequence[ScrubPath] = ()) -> None:
        self._inputs = inputs
        self._turns = turns
        self._scrub = scrub
        self._held: dict[str, deque[int]] = {identity(inputs[number]["key"]): deque() for number in turns}
        # Conditions that could not be tried, by the number of the input.
        self._doubts: dict[int, str] = {}
        for number, record in enumerate(inputs if turns else ()):
            queue = self._held.get(identity(record["key"]))
            if queue is not None and (queue or number in turns):
                queue.append(number)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the inputs that are held now, in order."""
        return tuple(sorted(number for queue in self._held.values() for number in queue))

    def after(self, key: Any, value: Any) -> list[int]:
        """Take note of an output, and return the numbers of the inputs to send now."""
        queue = self._held.get(identity(key))
        if not queue or not self._is_released(queue[0], value):
            return []
        released = [queue.popleft()]
        while queue and queue[0] not in self._turns:
            released.append(queue.popleft())
        return released

    def _is_released(self, number: int, value: Any) -> bool:
        try:
            return not self._turns[number].output.match(scrubbed(value, self._scrub))
        except (TooSlowError, CustomMatcherError) as error:
            self._doubts[number] = str(error)
            return False

    def held(self) -> tuple[HeldInput, ...]:
        """Return the inputs that still wait for an output, one a key."""
        found = []
        for queue in self._held.values():
            if queue:
                number, *behind = queue
                turn = self._turns[number]
                key, doubt = self._inputs[number]["key"], self._doubts.get(number, "")
                found.append(HeldInput(number, key, turn.entry, turn.output.text, len(behind), doubt))
        return tuple(found)
