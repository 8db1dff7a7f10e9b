"""The progress line on where a run's jobs can be watched while they live."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flink_testbed.core import clock
from pytest_flink_agents.run.watch.jobs import JobWatch

# Most runs are over before; a line for each would hide the results of pytest.
SHOWN_AFTER_S = 10.0


class Announcement:
    """Ids and pages of the jobs of one run, reported once.

    They are reported at the first look if ``at_once`` is True, else when the jobs have run for ten seconds. ``note``
    is about the pages.
    """

    def __init__(
        self, what: str, watches: Sequence[JobWatch], report: Callable[[str], None], *, at_once: bool, note: str = ""
    ) -> None:
        self._lines = [f"{what}: job {watch.job_id} runs at {watch.ui_url}{note}" for watch in watches]
        self._report = report
        self._due_s = clock.now_s() + (0 if at_once else SHOWN_AFTER_S)

    def look(self) -> None:
        """Report the jobs if it is time."""
        if self._lines and clock.now_s() >= self._due_s:
            for line in self._lines:
                self._report(line)
            self._lines = []
