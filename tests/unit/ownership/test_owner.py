"""When a process is known to be dead, and when nothing is known."""

from __future__ import annotations

import dataclasses

import pytest

from flink_testbed.ownership.owner import owner_from, owner_of, this_process
from flink_testbed.ownership.session_record import OwnRecord, Record, records


def test_this_process_is_alive() -> None:
    """Told from itself, and from what was written of it."""
    owner = owner_from(this_process().as_json())
    assert (owner.is_alive(), owner.is_dead()) == (True, False)


@pytest.mark.parametrize(
    ("changed", "dead"),
    [
        ({"started": "1"}, True),
        ({"pid": 2**22 + 1}, True),
        ({"boot": "an earlier one"}, True),
        ({"machine": "another"}, False),
        ({"machine": "another", "boot": "an earlier one"}, False),
        ({"namespace": "pid:[1]"}, False),
        ({"namespace": "pid:[1]", "started": "1"}, False),
    ],
)
def test_only_what_is_proven_is_dead(changed: dict[str, object], dead: bool) -> None:
    """A reused process id and a boot since then prove it; another machine's or container's ids mean nothing here."""
    owner = dataclasses.replace(this_process(), **changed)  # type: ignore[arg-type]
    assert (owner.is_dead(), owner.is_alive()) == (dead, False)


def test_nobody_is_no_owner() -> None:
    """A process that does not run cannot be written down."""
    with pytest.raises(ProcessLookupError):
        owner_of(2**22 + 1)


@pytest.mark.parametrize("data", [{}, {"pid": "x", "started": "1", "boot": "b", "namespace": "n", "machine": "m"}])
def test_a_damaged_owner_is_refused(data: dict[str, object]) -> None:
    """So that its record is nobody's to judge."""
    with pytest.raises((KeyError, ValueError)):
        owner_from(data)


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))


def test_a_record_is_there_from_the_first_note_to_the_end(tmp_path) -> None:
    """Each thing once; a session that makes nothing writes nothing."""
    own = OwnRecord("r1")
    assert not (tmp_path / "cache").exists()
    for _ in range(2):
        own.note("cluster", "/a")
    assert [(record.run_id, record.made, record.owner.is_alive()) for record in records()] == [
        ("r1", (("cluster", "/a"),), True)
    ]
    own.close()
    assert list(records()) == []


def test_a_record_that_cannot_be_read_is_passed_over_and_stays(tmp_path) -> None:
    """Nobody knows whose it is."""
    Record("whole", this_process(), (("cluster", "/a"),)).write()
    damaged = tmp_path / "cache" / "sessions" / "damaged.json"
    damaged.write_text("{")
    assert [record.run_id for record in records()] == ["whole"]
    assert damaged.exists()
