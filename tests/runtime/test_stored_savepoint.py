"""The mode of Python that wrote a savepoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_agents_runtime.channel import RequestError
from flink_agents_runtime.on_flink.stored_savepoint import require_mode

SAVEPOINTS = sorted(Path(__file__).parents[1].joinpath("savepoints").glob("layout-*"))


@pytest.mark.parametrize("savepoint", SAVEPOINTS, ids=lambda path: path.name)
def test_a_savepoint_starts_a_job_of_its_own_mode_only(savepoint: Path) -> None:
    written = savepoint.name.rpartition("-")[2]
    other = {"thread": "process", "process": "thread"}[written]
    require_mode(f"file://{savepoint}", written)
    with pytest.raises(RequestError) as caught:
        require_mode(f"file:{savepoint}", other)
    assert caught.value.expected == f"python.execution-mode: {written}"


def test_both_modes_are_among_the_stored_savepoints_and_an_address_elsewhere_passes() -> None:
    assert {path.name.rpartition("-")[2] for path in SAVEPOINTS} == {"thread", "process"}
    require_mode("s3://bucket/savepoint", "thread")
