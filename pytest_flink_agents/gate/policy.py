"""The conditions under which a session is judged."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.specifiers import SpecifierSet

from pytest_flink_agents.checks.waiver import Waiver as AnnouncedFailure
from pytest_flink_agents.vocabulary import Engine, Tier


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest value of a figure in each run of the scenarios that have one of the tags; without tags, of all.

    ``word`` is the name of the figure and ``unit`` its unit, ``rule`` the place in the policy.
    """

    rule: str
    word: str
    maximum: float
    unit: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A failure of one scenario that does not count until a date, included.

    ``scenario`` is ``file::name``, ``failure`` what fails, and nothing else may. ``place`` is that in the policy file.
    """

    scenario: str
    failure: AnnouncedFailure
    reason: str
    owner: str
    until: datetime.date
    place: str


@dataclass(frozen=True, slots=True)
class Rules:
    """One profile of a policy file: what a session must show, and which failures do not count.

    ``tiers`` is None if the profile does not state them. ``flink`` has each range of versions with its text.
    ``production`` is the engine of production; without ``other_engine`` runs of another one show nothing.
    ``severities`` are those of checks, by name. With ``real_models`` runs with a real model show something.
    """

    tiers: tuple[Tier, ...] | None = None
    engines: tuple[Engine, ...] = ()
    flink: tuple[tuple[str, SpecifierSet], ...] = ()
    tags: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    scenarios: int = 0
    repeats: int = 0
    production: Engine | None = None
    other_engine: bool = False
    limits: tuple[Limit, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)
    known_failures: tuple[KnownFailure, ...] = ()
    real_models: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The requirements of a verdict.

    ``tiers`` are those of the session. ``named_tiers`` are the ones among them that the user asked for by name: each of
    these must have run a scenario, while a tier that ``auto`` chose may have none that applies to it. ``file`` is the
    policy file, empty without one, ``digest`` that of its bytes, and ``rules`` are those of the profile.
    """

    profile: str = "default"
    tiers: tuple[Tier, ...] = ()
    named_tiers: tuple[Tier, ...] = ()
    file: str = ""
    digest: str = ""
    rules: Rules = field(default_factory=Rules)


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

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Selection:
        """Return the selection that ``dataclasses.asdict`` described."""
        return cls(data["deselected"], tuple(data["limits"]), tuple(data["uncollected"]), tuple(data["elsewhere"]))

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
