"""The conditions under which a session is judged."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_flink_agents.vocabulary import Tier


@dataclass(frozen=True, slots=True)
class Policy:
    """The requirements of a verdict.

    ``tiers`` are those of the session. ``named_tiers`` are the ones among them that the user asked for by name: each of
    these must have run a scenario, while a tier that ``auto`` chose may have none that applies to it.
    """

    profile: str = "default"
    tiers: tuple[Tier, ...] = ()
    named_tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of the project's scenarios that a session ran.

    ``deselected`` counts runs of scenarios whose file was collected and that were left out (``-k``, ``-m``,
    ``--deselect``, a node id on the command line, a plugin). ``limits`` are other reasons why scenarios may be missing, in
    words. ``uncollected`` are files that look like scenarios, lie below the directories that were asked for, and were not
    collected. ``elsewhere`` are scenario files of the project outside these directories: the verdict is on another suite.
    """

    deselected: int = 0
    limits: tuple[str, ...] = ()
    uncollected: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def merge(self, other: Selection) -> Selection:
        """Return the selection of two processes of one session, which collect the same items."""
        return Selection(
            max(self.deselected, other.deselected),
            _either(self.limits, other.limits),
            _either(self.uncollected, other.uncollected),
            _either(self.elsewhere, other.elsewhere),
        )


def _either(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
