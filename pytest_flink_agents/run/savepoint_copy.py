"""Copies of savepoints for jobs with another source or sink."""

from __future__ import annotations

import shutil
from pathlib import Path

from flink_testbed.flink.config import address_of
from pytest_flink_agents.run.place import Place

# The directory of a copy below that of its run.
COPY = "savepoint"
_DETACH_S = 60.0


def detached_copy(savepoint: Path, copy: Path, place: Place, *, keeps_source: bool) -> str:
    """Copy a savepoint without the places in its sink, and in its source unless it ``keeps_source``.

    Returns the address of the copy. Raises ``RefusedError`` of kind "savepoint" for one that is no start of an agent.
    """
    # Links stay links: none may bring in a file of another place.
    shutil.copytree(savepoint, copy, symlinks=True)
    submitter = place.environment.submitter(place.tier, place.setup.variant)
    submitter.request("detach_savepoint", timeout_s=_DETACH_S, savepoint=str(copy), keeps_source=keeps_source)
    return address_of(copy)
