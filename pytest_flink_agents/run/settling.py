"""The wait until one of two versions that are alive has no more outputs to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flink_testbed.core import clock
from pytest_flink_agents.evidence.model import Output

# Outputs are committed once a second; a version that has no new ones for so long has no others.
SETTLED_S = 3.0
SILENT_S = 30.0


class Settling:
    """The outputs of one version, until all of some inputs have come and no more do for a while.

    A version with too few, which is silent for a longer while, has no others.
    """

    def __init__(self, read: Callable[[], Sequence[Output]], inputs: range, per_input: int) -> None:
        self._read = read
        self._inputs = inputs
        self.wanted = len(inputs) * per_input
        self.outputs: Sequence[Output] = ()
        self._since_s = clock.now_s()
        # True for a version that has shown enough.
        self.differs = False
        # True while a call of it has no answer yet.
        self.at_work = False

    @property
    def have(self) -> int:
        """The number of outputs of the inputs."""
        return sum(output.input in self._inputs for output in self.outputs)

    @property
    def done(self) -> bool:
        """True once no more outputs are to be expected."""
        quiet_s = clock.now_s() - self._since_s
        return self.differs or quiet_s >= (SETTLED_S if self.have >= self.wanted else SILENT_S)

    def look(self) -> None:
        """Read the outputs again."""
        before, self.outputs = len(self.outputs), self._read()
        if len(self.outputs) != before or self.at_work:
            self._since_s = clock.now_s()
