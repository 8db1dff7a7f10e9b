"""The command lines of guards and holders: recognised in a list of processes as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.ownership import container_guard, detached_holder, process_guard

ELSEWHERE = "/opt/other/venv/lib/flink_testbed/ownership/process_guard.py"


def test_a_process_guard_is_recognised_by_its_command_line() -> None:
    words = process_guard.command_line("/usr/bin/python", 17, ["java", "-I", "Main"])
    assert process_guard.parse(words[4:]) == (17, ["java", "-I", "Main"])
    assert process_guard.guarded_command(words) == ["java", "-I", "Main"]


def test_a_guard_of_another_installation_is_recognised() -> None:
    assert process_guard.guarded_command(["python", "-I", "-S", ELSEWHERE, "5", "sleep", "9"]) == ["sleep", "9"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["python"],
        ["python", "-I", "-S", ELSEWHERE, "5"],
        ["python", ELSEWHERE, "5", "sleep", "9", "10", "11"],
        ["vim", "-I", "-S", "/tmp/my_process_guard.py", "5", "sleep"],
    ],
)
def test_another_process_is_no_guard(words: list[str]) -> None:
    assert process_guard.guarded_command(words) == []
    assert container_guard.order_of(words) is None
    assert not detached_holder.is_holder(words)


@pytest.mark.parametrize("paths", [(), ("/site-packages", "/src")])
def test_a_container_guard_is_recognised_by_its_command_line(paths: tuple[str, ...]) -> None:
    order = container_guard.Order(9, "unix:///run/docker.sock", "owner=4f2a", "/tmp/sockets", paths)
    words = order.command_line("/usr/bin/python")
    assert container_guard.order_of(words) == order
    assert order.token == "4f2a"
    assert process_guard.guarded_command(words) == []


def test_a_holder_is_recognised_by_its_command_line() -> None:
    words = detached_holder.command_line("/usr/bin/python", 7200.0, Path("/cache/detached/a.json"), [5, 12])
    assert detached_holder.is_holder(words)
    assert words[4:] == ["7200.0", "/cache/detached/a.json", "5", "12"]
    assert process_guard.guarded_command(words) == []
