"""The configuration of one run on one tier, from its three sources. Pure.

The sources are the scenario's own words, the team's configuration file, and the options that a run
sets itself. Every option is listed with its source, and an option that could not be honoured with the
reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flink_agents_runtime.config.catalogue import is_secret, option_for
from flink_agents_runtime.config.options import flat
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.config import Addresses, ClusterConfig, flink_options
from flink_testbed.flink.options import (
    EXECUTION_MODE,
    PARALLELISM,
    PARENT_FIRST,
    Scope,
    is_secret_option,
    reserved,
    scope_of,
)
from pytest_flink_agents.checks.configuration import NOT_TAKEN
from pytest_flink_agents.provision.engine_choice import UPSTREAM_PARENT_FIRST
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.scenario.configuration.content import Placed, TeamConfiguration
from pytest_flink_agents.scenario.error import shorten
from pytest_flink_agents.scenario.flink_options import MAX_PARALLELISM
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier

HARNESS = "the harness"
NOT_APPLICABLE = "not applicable"
_EXTERNAL = "the remote cluster"
_MASK = "***"
_STORE_KEYS = ("actionStateStoreBackend", "kafka", "fluss")
_EVENT_KEYS = ("baseLogDir", "eventLoggerType", "event-log.level")


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """An effective option in the report.

    ``value`` is None for an option without effect. ``note`` has the value that was not honoured, and
    the reason.
    """

    value: Any
    source: str
    note: str = ""


def rows_as_data(rows: Mapping[str, ConfigRow]) -> dict[str, dict[str, Any]]:
    """Return rows as the evidence has them."""
    return {key: dataclasses.asdict(row) for key, row in rows.items()}


@dataclass(frozen=True, slots=True)
class FlinkSetup:
    """The options of one run.

    ``agent`` are options of flink-agents from the file, ``agent_rows`` their rows; ``job`` are Flink
    options of the job, ``variant`` those of its cluster, ``rows`` the rows of both. ``parallelism``
    is the job's. ``refused`` are options of the scenario that the tier's cluster cannot have.
    """

    agent: Mapping[str, Any] = field(default_factory=dict)
    agent_rows: Mapping[str, ConfigRow] = field(default_factory=dict)
    job: Mapping[str, str] = field(default_factory=dict)
    variant: ClusterVariant = SESSION_CLUSTER
    rows: Mapping[str, ConfigRow] = field(default_factory=dict)
    parallelism: int = 1
    refused: tuple[str, ...] = ()

    def require_possible(self, own: Mapping[str, Placed]) -> None:
        """Raise ``HostError`` FA440 if the cluster cannot have one of the scenario's ``own`` options."""
        if self.refused:
            raise HostError(
                Problem(
                    "FA440",
                    "the external cluster has a configuration of its own",
                    where=own[self.refused[0]].where,
                    expected="options of the job",
                    seen=f"options of the cluster: {', '.join(self.refused)}",
                    next_step="run the scenario on other tiers (tiers: [embedded]), or remove these options",
                )
            )


def flink_setup(
    team: TeamConfiguration | None,
    own: Mapping[str, Placed],
    settings: Settings,
    *,
    tier: Tier,
    engine: Engine | None = None,
    config: Mapping[str, Any] | None = None,
) -> FlinkSetup:
    """Return the options of a run on a tier.

    ``own`` are the scenario's options of Flink and ``config`` those of flink-agents, which win over
    those of ``team``. ``engine`` executes the agents; None if the job chooses it.
    """
    agent, agent_rows = _agent_options(team, engine, frozenset(key for key, _ in flat(config or {})))
    options = {**(team.flink if team else {}), **own}
    if tier is Tier.LOCAL:
        rows = {key: _absent(key, placed, "this tier has no Flink") for key, placed in options.items()}
        return FlinkSetup(agent, agent_rows, rows=rows, parallelism=settings.parallelism)
    merge = _Merge(settings, external=tier is Tier.REMOTE, engine=engine)
    for key, placed in options.items():
        merge.add(key, placed, by_scenario=key in own)
        if key in own and team and key in team.flink:
            merge.note(key, f"{_said(key, team.flink[key])}; the scenario's own option wins")
    if team and EXECUTION_MODE not in merge.job:
        merge.job[EXECUTION_MODE] = "process"
        earlier = merge.rows.get(EXECUTION_MODE)
        merge.rows[EXECUTION_MODE] = ConfigRow("process", "Flink's default", earlier.note if earlier else "")
    return merge.setup(agent, agent_rows)


def _agent_options(
    team: TeamConfiguration | None, engine: Engine | None, own: frozenset[str]
) -> tuple[dict[str, Any], dict[str, ConfigRow]]:
    """Return the file's options of flink-agents that a run uses, and the rows of all."""
    agent: dict[str, Any] = {}
    rows: dict[str, ConfigRow] = {}
    for key, placed in (team.agent if team else {}).items():
        reason = "the scenario's own option wins" if key in own else _reserved_of_agents(key, engine)
        if reason:
            rows[key] = ConfigRow(None, HARNESS, f"{_said(key, placed)}: {reason}")
        else:
            agent[key] = placed.value
            rows[key] = ConfigRow(_MASK if is_secret(key) else placed.value, placed.where)
    return agent, rows


def _reserved_of_agents(key: str, engine: Engine | None) -> str:
    """Return the reason why a run does not use the file's value, empty if it does."""
    option = option_for(key)
    if option is None:
        return ""
    if key in _EVENT_KEYS:
        return "the events of a run are its evidence"
    if key.startswith(_STORE_KEYS):
        return "a run does not touch the action state store of a deployment; name one under config to test with it"
    return option.refused if engine is Engine.BUNDLED else ""


class _Merge:
    """The Flink options of one run while they are collected."""

    def __init__(self, settings: Settings, *, external: bool, engine: Engine | None) -> None:
        self._settings = settings
        self._external = external
        self._engine = engine
        self._parallelism = settings.parallelism
        self.job: dict[str, str] = {}
        self._cluster: dict[str, str] = {}
        self.rows: dict[str, ConfigRow] = {}
        self._refused: list[str] = []

    def add(self, key: str, placed: Placed, *, by_scenario: bool) -> None:
        """Add one option by its owner, or the reason why it has no effect."""
        reason = reserved(key, external=self._external)
        if self._external and key == EXECUTION_MODE and placed.value == "thread":
            reason = "code that is shipped with a job needs process mode"
        if reason:
            self.rows[key] = ConfigRow(None, HARNESS, f"{_said(key, placed)}: {reason}")
        elif key == PARALLELISM:
            self._add_parallelism(placed, by_scenario=by_scenario)
        elif scope_of(key) is Scope.JOB:
            self.job[key] = placed.value
            self.rows[key] = ConfigRow(placed.value, placed.where)
        elif self._external:
            self.rows[key] = ConfigRow(
                None, _EXTERNAL, f"{_said(key, placed)}: an external cluster has a configuration of its own"
            )
            self._refused += [key] if by_scenario else []
        else:
            self._add_to_cluster(key, placed)

    def _add_parallelism(self, placed: Placed, *, by_scenario: bool) -> None:
        if self._settings.named_parallelism and not by_scenario:
            note = f"{_said(PARALLELISM, placed)}; the command line wins"
            self.rows[PARALLELISM] = ConfigRow(str(self._parallelism), "--flink-parallelism", note)
            return
        wanted = int(placed.value)
        if self._external or wanted <= MAX_PARALLELISM:
            self._parallelism = wanted
            self.rows[PARALLELISM] = ConfigRow(placed.value, placed.where)
            return
        self._parallelism = MAX_PARALLELISM
        note = f"{_said(PARALLELISM, placed)}: a test cluster has at most {MAX_PARALLELISM} slots for a job"
        self.rows[PARALLELISM] = ConfigRow(str(MAX_PARALLELISM), HARNESS, note)

    def _add_to_cluster(self, key: str, placed: Placed) -> None:
        value, note = placed.value, ""
        if key == PARENT_FIRST:
            # The option replaces what the cluster would have: its own pattern, and those of the engine.
            own = UPSTREAM_PARENT_FIRST if self._engine is Engine.UPSTREAM else _DEFAULTS[PARENT_FIRST]
            value = f"{own};{value}"
            note = "with the pattern of PyFlink's native library"
        self.rows[key] = ConfigRow(value, placed.where, note)
        if _DEFAULTS.get(key) != value:
            self._cluster[key] = value

    def note(self, key: str, text: str) -> None:
        """Add a remark to the row of an option."""
        row = self.rows[key]
        self.rows[key] = ConfigRow(row.value, row.source, f"{row.note}; {text}" if row.note else text)

    def setup(self, agent: Mapping[str, Any], agent_rows: Mapping[str, ConfigRow]) -> FlinkSetup:
        """Return the collected options."""
        slots = 0
        if not self._external and self._parallelism > self._settings.parallelism:
            needed = self._settings.processes * self._parallelism
            slots = needed if needed > ClusterConfig().slots else 0
        variant = ClusterVariant(tuple(sorted(self._cluster.items())), slots)
        return FlinkSetup(agent, agent_rows, self.job, variant, self.rows, self._parallelism, tuple(self._refused))


def _said(key: str, placed: Placed) -> str:
    value = _MASK if is_secret_option(key) or is_secret(key) else shorten(str(placed.value))
    return f"{placed.where} says {value}"


def _absent(key: str, placed: Placed, reason: str) -> ConfigRow:
    return ConfigRow(None, NOT_APPLICABLE, f"{_said(key, placed)}: {reason}")


def effective_rows(setup: FlinkSetup, reported: Mapping[str, str], *, external: bool) -> dict[str, ConfigRow]:
    """Return every Flink option of a run, with the values that its cluster reports.

    An option without a row is the cluster's own. A cluster that reports another value than it was
    given has it in the note.
    """
    given = dict(setup.variant.options)
    owner = _EXTERNAL if external else HARNESS
    rows = {key: ConfigRow(_shown(key, value), owner) for key, value in reported.items()}
    for key, row in setup.rows.items():
        seen = reported.get(key)
        if row.value is None and seen is not None:
            rows[key] = ConfigRow(_shown(key, seen), owner, row.note)
        elif key in given and seen != given[key]:
            note = f"{NOT_TAKEN}: it runs with {'none' if seen is None else _shown(key, seen)}"
            rows[key] = ConfigRow(row.value, row.source, note)
        else:
            rows[key] = row
    return rows


def _shown(key: str, value: str) -> str:
    return _MASK if is_secret_option(key) else value


# The options of the session's own cluster, in which only addresses and paths differ.
_DEFAULTS = flink_options(ClusterConfig(), Addresses(0, 0), directory=Path("/"), python=Path("/"))
