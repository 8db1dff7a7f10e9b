"""The interpreter of a job environment, if a Python is wanted by name."""

from __future__ import annotations

import pytest

from flink_testbed.artifacts import interpreters
from flink_testbed.artifacts.interpreters import interpreter_for
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError

FLINK = resolve_flink("2.2")


class Running:
    """The running interpreter, which is a 3.11."""

    class version_info:
        major, minor = 3, 11

    executable = _base_executable = "/pythons/own"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 3.10 beside the running interpreter."""
    monkeypatch.setattr(interpreters, "_found_by_uv", {"3.10": "/pythons/3.10"}.get)
    monkeypatch.setattr(interpreters, "_found_in_pyenv", lambda minor: None)
    monkeypatch.setattr(interpreters, "sys", Running)


def test_a_named_python_wins_over_the_running_one() -> None:
    assert interpreter_for(FLINK, "3.10") == ("/pythons/3.10", "3.10")
    assert interpreter_for(FLINK, "3.11") == interpreter_for(FLINK) == ("/pythons/own", "3.11")


@pytest.mark.parametrize(
    ("python", "seen"), [("3.12", "neither uv nor pyenv has a Python 3.12"), ("3.9", "Flink 2.2.1 supports")]
)
def test_a_named_python_that_is_missing_is_refused(python: str, seen: str) -> None:
    with pytest.raises(HostError) as caught:
        interpreter_for(FLINK, python)
    problem = caught.value.problems[0]
    assert (problem.code, problem.message) == ("FA418", f"there is no Python {python} for a job environment")
    assert seen in str(problem.seen)
