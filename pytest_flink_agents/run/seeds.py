"""The runs of one scenario with each seed of the session, as one."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from pytest_flink_agents.run.checked_run import CheckedRun, with_all_runs

# Runs with a seed; its evidence goes to the first directory, its other files to the second.
RunOnce: TypeAlias = Callable[[Path, Path, int | None], CheckedRun]


def run_with_seeds(run_once: RunOnce, folder: Path, seeds: Sequence[int | None]) -> CheckedRun:
    """Run once with each seed, and return the runs as one.

    With several seeds the first run that is not as expected counts, else the last; files of the others are removed.
    """
    *others, last = seeds
    passed: list[CheckedRun] = []
    for seed in others:
        directory = folder / f"seed-{seed}"
        checked = run_once(folder, directory, seed)
        if not checked.valid:
            before = f" ({len(passed)} runs with other seeds passed)" if passed else ""
            checked = dataclasses.replace(checked, text=f"{checked.text}\nwith seed {seed}{before}")
            return with_all_runs(checked, [*passed, checked])
        passed.append(checked)
        shutil.rmtree(directory)
    checked = run_once(folder, folder, last)
    return with_all_runs(checked, [*passed, checked])
