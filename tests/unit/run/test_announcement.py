"""The line on where a job can be watched: once, at once or when the job takes long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.core import clock
from flink_testbed.flink.rest_keys import browser_note
from pytest_flink_agents.run.watch.announcement import Announcement
from pytest_flink_agents.run.watch.jobs import JobWatch

_LINE = "agent a:B: job 3f runs at http://127.0.0.1:1/#/job/3f/overview"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds = [100.0]
    monkeypatch.setattr(clock, "now_s", lambda: seconds[0])
    return seconds


@pytest.mark.parametrize("at_once", [True, False])
def test_a_job_is_reported_once(now: list[float], at_once: bool) -> None:
    lines: list[str] = []
    watch = JobWatch(cast(Any, SimpleNamespace(rest_url="http://127.0.0.1:1")), "3f")
    announcement = Announcement("agent a:B", [watch], lines.append, at_once=at_once)
    announcement.look()
    assert lines == ([_LINE] if at_once else [])
    now[0] += 11
    announcement.look()
    announcement.look()
    assert lines == [_LINE]


def test_a_page_that_no_browser_shows_says_how_to_open_it(now: list[float]) -> None:
    lines: list[str] = []
    url = "https://127.0.0.1:1"
    watch = JobWatch(cast(Any, SimpleNamespace(rest_url=url)), "3f")
    Announcement("agent a:B", [watch], lines.append, at_once=True, note=browser_note(url)).look()
    assert lines == [
        "agent a:B: job 3f runs at https://127.0.0.1:1/#/job/3f/overview"
        " (no browser shows it: its key is the session's; --flink-rest-auth=off)"
    ]
    assert browser_note("http://127.0.0.1:1") == ""
