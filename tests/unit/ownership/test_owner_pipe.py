"""The pipe between an owner and its guard, both ends in this process."""

from __future__ import annotations

import os
import select

import pytest

from flink_testbed.ownership.owner_pipe import OwnerPipe
from flink_testbed.ownership.process_guard import OwnerWatch

# The parent of this process may be 1 itself.
ANOTHER_PARENT = os.getppid() + 1


@pytest.fixture
def pipe():
    made = OwnerPipe()
    yield made
    made.close()
    made.started()


def is_gone(watch: OwnerWatch) -> bool:
    return watch.is_gone(bool(select.select([watch.pipe], [], [], 0)[0]))


def test_an_owner_is_gone_when_its_end_closes(pipe: OwnerPipe) -> None:
    watch = OwnerWatch(pipe.guard_end)
    assert not is_gone(watch)
    pipe.close()
    assert not pipe.is_open
    assert is_gone(watch)


def test_an_owner_is_gone_when_the_guard_has_another_parent(pipe: OwnerPipe, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = OwnerWatch(pipe.guard_end)
    monkeypatch.setattr(os, "getppid", lambda: ANOTHER_PARENT)
    assert is_gone(watch)


def test_a_detached_guard_may_get_another_parent(pipe: OwnerPipe, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = OwnerWatch(pipe.guard_end)
    descriptor = pipe.detach()
    assert not pipe.is_open
    assert not is_gone(watch)
    monkeypatch.setattr(os, "getppid", lambda: ANOTHER_PARENT)
    assert not is_gone(watch)
    os.close(descriptor)
    assert is_gone(watch)


def test_closing_a_detached_pipe_leaves_the_new_owner_its_end(pipe: OwnerPipe) -> None:
    descriptor = pipe.detach()
    pipe.close()
    os.fstat(descriptor)
    os.close(descriptor)
