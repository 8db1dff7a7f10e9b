"""One container, with the interface of a process."""

from __future__ import annotations

from typing import Any, cast

import pytest

from flink_testbed.containers.owned import OwnedContainer
from flink_testbed.core.problem import HostError


class Container:
    """Answers each program that is run in it alike."""

    def __init__(self, code: int, output: bytes) -> None:
        self._answer = code, output

    def exec_run(self, command: list[str]) -> tuple[int, bytes]:
        return self._answer


def killed(code: int, output: bytes) -> int:
    return OwnedContainer(cast(Any, Container(code, output)), "taskmanager-0", log=None).kill_programs("a.b")


@pytest.mark.parametrize(("output", "number"), [(b"", 0), (b"17\n18\n", 2), (b"17\nsh: /proc/9: no such process\n", 1)])
def test_only_numbers_count_as_killed_programs(output: bytes, number: int) -> None:
    assert killed(0, output) == number


def test_a_kill_program_that_cannot_run_is_an_error() -> None:
    with pytest.raises(HostError, match="FA473: cannot kill a program in taskmanager-0") as caught:
        killed(127, b"exec: sh: not found")
    assert caught.value.problems[0].seen == "exit code 127: exec: sh: not found"
