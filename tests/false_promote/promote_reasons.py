"""The reasons of a verdict, by the item or file that they are about. Not a test module."""

from __future__ import annotations

from tests.plugin.plugin_project import Project

GATE = "--flink-gate"
NO_FLINK = "--flink-tier leaves out embedded ("


def reasons(project: Project, *, kinds: tuple[str, ...] = ("block", "inconclusive")) -> list[str]:
    """Return the reasons of the newest verdict as ``rule: message``.

    Without the one that every session without Flink has: a trick must produce a reason of its own.
    """
    return [
        f"{reason['rule']}: {reason['message']}"
        for reason in project.verdict()["reasons"]
        if reason["kind"] in kinds and NO_FLINK not in reason["message"]
    ]


def assert_reasons(project: Project, wanted: list[str]) -> None:
    """Require exactly these reasons, each given by its beginning and a part of the rest after ``...``."""
    found = reasons(project)
    for reason in wanted:
        start, _, part = reason.partition("...")
        held = [each for each in found if each.startswith(start) and part in each]
        assert held, f"no reason like {reason!r} among:\n" + "\n".join(found)
        found.remove(held[0])
    assert not found, "further reasons:\n" + "\n".join(found)
