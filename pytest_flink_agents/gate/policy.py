"""The conditions under which a session is judged."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.specifiers import SpecifierSet

from pytest_flink_agents.checks.bounds import number_text
from pytest_flink_agents.checks.waiver import Waiver as AnnouncedFailure
from pytest_flink_agents.gate.result import UNITS, ItemResult
from pytest_flink_agents.gate.shard import Shard
from pytest_flink_agents.vocabulary import Engine, Tier


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest value of a figure in each run of the scenarios that have one of the tags; without tags, of all.

    ``word`` is the name of the figure, ``rule`` the place in the policy.
    """

    rule: str
    word: str
    maximum: float
    tags: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The rule in words."""
        return f"at most {number_text(self.maximum)}{UNITS[self.word]}{_in(self.tags)}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier session to compare with.

    ``name`` is its path for messages, ``digest`` that of its file.
    """

    name: str
    digest: str
    results: tuple[ItemResult, ...]


@dataclass(frozen=True, slots=True)
class Increase:
    """The largest increase of a figure over the baseline, in each run of the scenarios that have one of the tags.

    It is a ``share`` of the baseline's figure (0.2 for 20 %) or an ``amount``; one of them is None. ``rule`` is the place
    in the policy, ``word`` the figure.
    """

    rule: str
    word: str
    share: float | None = None
    amount: float | None = None
    tags: tuple[str, ...] = ()

    def bound(self, before: float) -> float:
        """Return the largest figure that is allowed."""
        return before + (self.amount or 0.0) + before * (self.share or 0.0)

    @property
    def text(self) -> str:
        """The rule in words."""
        bound = f"{number_text(self.share * 100)} %" if self.share is not None else ""
        bound = bound or f"{number_text(self.amount or 0.0)}{UNITS[self.word]}"
        return f"at most {bound} above the baseline{_in(self.tags)}"


@dataclass(frozen=True, slots=True)
class Screening:
    """A scenario may block after this number of ``runs`` that passed one after the other.

    With ``may_promote`` the failure of another one is a warning, else it makes a session inconclusive.
    """

    runs: int
    may_promote: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The number of earlier sessions, and the node ids of the scenarios that they show to be stable."""

    sessions: int = 0
    stable: frozenset[str] = frozenset()


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
    increases: tuple[Increase, ...] = ()
    screening: Screening | None = None
    severities: Mapping[str, str] = field(default_factory=dict)
    known_failures: tuple[KnownFailure, ...] = ()
    real_models: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The requirements of a verdict.

    ``tiers`` are those of the session. ``named_tiers`` are the ones among them that the user asked for by name: each of
    these must have run a scenario, while a tier that ``auto`` chose may have none that applies to it. ``file`` is the
    policy file, empty without one, ``digest`` that of its bytes, and ``rules`` are those of the profile. ``baseline`` is the
    session to compare with, None without one. ``history`` is that of earlier sessions, for screening.
    """

    profile: str = "default"
    tiers: tuple[Tier, ...] = ()
    named_tiers: tuple[Tier, ...] = ()
    file: str = ""
    digest: str = ""
    rules: Rules = field(default_factory=Rules)
    baseline: Baseline | None = None
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of the project's scenarios that a session ran.

    ``deselected`` counts runs of scenarios whose file was collected and that were left out (``-k``, ``-m``,
    ``--deselect``, a node id on the command line, a plugin). ``limits`` are other reasons why scenarios may be missing, in
    words. ``uncollected`` are files that look like scenarios, lie below the directories that were asked for, and were not
    collected. ``elsewhere`` are scenario files of the project outside these directories: the verdict is on another suite.
    ``shard`` is the part that this session was asked for, None for a whole session.
    ``deselected_tests`` counts plain tests that were left out.
    ``tiers_left_out`` names by tier the scenarios that had run there if the user had named no tiers.
    """

    deselected: int = 0
    limits: tuple[str, ...] = ()
    uncollected: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    shard: Shard | None = None
    tiers_left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deselected_tests: int = 0

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Selection:
        """Return the selection that ``dataclasses.asdict`` described."""
        limits, uncollected, elsewhere = (tuple(data[word]) for word in ("limits", "uncollected", "elsewhere"))
        shard = Shard(**data["shard"]) if data["shard"] else None
        tiers = {tier: tuple(names) for tier, names in data["tiers_left_out"].items()}
        return cls(data["deselected"], limits, uncollected, elsewhere, shard, tiers, data["deselected_tests"])

    def merge(self, other: Selection) -> Selection:
        """Return the selection of two processes of one session, or of two of its shards."""
        return Selection(
            max(self.deselected, other.deselected),
            _either(self.limits, other.limits),
            _either(self.uncollected, other.uncollected),
            _either(self.elsewhere, other.elsewhere),
            self.shard or other.shard,
            {
                tier: _either(self.tiers_left_out.get(tier, ()), other.tiers_left_out.get(tier, ()))
                for tier in _either((*self.tiers_left_out,), (*other.tiers_left_out,))
            },
            max(self.deselected_tests, other.deselected_tests),
        )


def _in(tags: tuple[str, ...]) -> str:
    return f" in scenarios with {' or '.join(tags)}" if tags else ""


def _either(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
