"""The runs of one scenario with each seed of the session, as one."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from flink_testbed.core.clock import now_s
from flink_testbed.core.problem import HostError
from pytest_flink_agents.run.checked_run import CheckedRun, with_all_runs, with_later_seeds

# The time for the seeds after one that failed: of many, or of runs that miss their deadline, not all are run.
_LATER_SEEDS_S = 60.0
# Runs with a seed; its evidence goes to the first directory, its other files to the second.
RunOnce: TypeAlias = Callable[[Path, Path, int | None], CheckedRun]


def run_with_seeds(run_once: RunOnce, folder: Path, seeds: Sequence[int | None]) -> CheckedRun:
    """Run once with each seed, and return the runs as one.

    With several seeds the first run that is not as expected is shown, else the last; files of the others are removed.
    """
    *others, last = seeds
    passed: list[CheckedRun] = []
    for seed in others:
        directory = folder / f"seed-{seed}"
        checked = run_once(folder, directory, seed)
        if not checked.valid:
            before = f" ({len(passed)} runs with other seeds passed)" if passed else ""
            checked = dataclasses.replace(checked, text=f"{checked.text}\nwith seed {seed}{before}")
            return _with_later_seeds(run_once, checked, passed, folder, seeds[len(passed) + 1 :])
        passed.append(checked)
        shutil.rmtree(directory)
    checked = run_once(folder, folder, last)
    return with_all_runs(checked, [*passed, checked])


def _with_later_seeds(
    run_once: RunOnce, shown: CheckedRun, passed: Sequence[CheckedRun], folder: Path, seeds: Sequence[int | None]
) -> CheckedRun:
    """Run with the seeds after one that failed, for a while, and return the failed run with them."""
    later: dict[int | None, CheckedRun] = {}
    end = now_s() + _LATER_SEEDS_S
    # A fault of the environment says less than the failure that was seen.
    with contextlib.suppress(HostError):
        for seed in itertools.takewhile(lambda _: now_s() < end, seeds):
            directory = folder / f"seed-{seed}"
            later[seed] = run_once(directory, directory, seed)
            shutil.rmtree(directory)
    return with_later_seeds(shown, passed, later, len(seeds) - len(later))
