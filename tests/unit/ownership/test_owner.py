"""Proof that an owner is dead, and session records."""

from __future__ import annotations

import dataclasses

import pytest

from flink_testbed.ownership.owner import owner_from, owner_of, this_process
from flink_testbed.ownership.session_record import OwnRecord, Record, records


def test_this_process_is_alive() -> None:
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
def test_only_a_provably_dead_owner_is_dead(changed: dict[str, object], dead: bool) -> None:
    owner = dataclasses.replace(this_process(), **changed)  # type: ignore[arg-type]
    assert (owner.is_dead(), owner.is_alive()) == (dead, False)


def test_a_process_that_does_not_run_cannot_be_an_owner() -> None:
    with pytest.raises(ProcessLookupError):
        owner_of(2**22 + 1)


@pytest.mark.parametrize("data", [{}, {"pid": "x", "started": "1", "boot": "b", "namespace": "n", "machine": "m"}])
def test_a_damaged_owner_is_refused(data: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        owner_from(data)


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))


def test_a_record_exists_from_the_first_note_to_close(tmp_path) -> None:
    """A session that creates nothing writes nothing."""
    own = OwnRecord("r1")
    assert not (tmp_path / "cache").exists()
    for _ in range(2):
        own.note("cluster", "/a")
    assert [(record.run_id, record.made, record.owner.is_alive()) for record in records()] == [
        ("r1", (("cluster", "/a"),), True)
    ]
    own.close()
    assert list(records()) == []


def test_an_unreadable_record_is_skipped_and_stays(tmp_path) -> None:
    """Its owner is unknown."""
    Record("whole", this_process(), (("cluster", "/a"),)).write()
    damaged = tmp_path / "cache" / "sessions" / "damaged.json"
    damaged.write_text("{")
    assert [record.run_id for record in records()] == ["whole"]
    assert damaged.exists()
