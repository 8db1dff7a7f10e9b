"""Where the traceback of an error that is told in words ends."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import ProblemError
from pytest_flink_agents.item_result import shorten_traceback


def frames_after(action: Callable[[], Any], expected: type[BaseException]) -> list[str]:
    """The functions that pytest would show of what the action raises."""
    with pytest.raises(expected) as caught:
        action()
    shorten_traceback(caught.value)
    return [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def never() -> tuple[None, str]:
    return None, "nothing yet"


def broken() -> tuple[None, str]:
    raise ValueError


def test_a_wait_that_fails_ends_at_its_caller() -> None:
    frames = frames_after(lambda: wait_until(never, what="it", timeout_s=0), ProblemError)
    assert frames == ["frames_after", "<lambda>"]


def test_an_error_that_took_anothers_place_stands_alone() -> None:
    for first, shown in ((ProblemError(), None), (bug := ValueError(), bug)):
        error = ProblemError()
        error.__cause__ = first
        shorten_traceback(error)
        assert (error.__cause__, error.__suppress_context__) == (shown, True)


def test_a_bug_keeps_all_its_frames() -> None:
    frames = frames_after(lambda: wait_until(broken, what="it", timeout_s=0), ValueError)
    assert frames == ["frames_after", "<lambda>", "wait_until", "broken"]
