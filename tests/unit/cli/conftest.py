"""Run folders of sessions that ended, or that were killed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.gate import Figure, ItemResult, Outcome, Selection, Shard
from pytest_flink_agents.identity import GitState, Identity, file_digest
from pytest_flink_agents.session import GateSession
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Tier

NAMES = tuple(f"s.scenario.yaml::n{number}[embedded-2.2]" for number in range(12))
EndSession = Callable[..., Path]
PARTS = {
    "2.2.1 engine bundled": "sha256:1",
    "2.2.1 package apache_flink-2.2.1": "sha256:2",
    "2.2.1 package flink_agents-0.3.1": "sha256:3",
    "2.2.1 package numpy-2.1.0": "sha256:4",
}
FACTS = {
    "2.2.1 job environment": "Python 3.11.7, apache-flink 2.2.1, flink-agents 0.3.1",
    "2.2.1 engine": "bundled (upstream not available: no jars)",
    "2.2.1 Java": "17.0.9 from JAVA_HOME",
}


def item(node_id: str, outcome: str = "passed", **fields: Any) -> ItemResult:
    given = {"tier": Tier.EMBEDDED, "file": "s.scenario.yaml", "figures": {"latency_p95": Figure(100)}} | fields
    return ItemResult(node_id, node_id.partition("::")[2], Outcome(outcome), **given)


def _changed(usual: Mapping[str, str], changes: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return the mapping with the changes; None removes a name."""
    changed = {**usual, **(changes or {})}
    return {name: value for name, value in changed.items() if value is not None}


@pytest.fixture
def session_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EndSession:
    """Run a session, without running anything, and return its run folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text("X = 1\n", encoding="utf-8")

    def run(
        results: Sequence[ItemResult],
        *,
        shard: tuple[int, int] | None = None,
        killed: bool = False,
        pytest_exit: int = 0,
        commit: str = "c0ffee",
        all_items: Sequence[str] = NAMES,
        parts: Mapping[str, str | None] | None = None,
        facts: Mapping[str, str | None] | None = None,
        **settings: Any,
    ) -> Path:
        tiers = {"tiers": (Tier.EMBEDDED,), "named_tiers": (Tier.EMBEDDED,)}
        given = tiers | settings
        session = GateSession(
            Settings(root=tmp_path, python_path=(), report_dir=tmp_path / "reports", gate=True, **given), lambda _: None
        )
        identity = Identity({"shop.py": file_digest(tmp_path / "shop.py")}, parts=_changed(PARTS, parts))
        part = Shard.of(all_items, *shard) if shard else None
        session.update(identity=identity, selection=Selection(shard=part), facts=_changed(FACTS, facts))
        session._git = GitState(commit, dirty=False)
        waiting = {
            one.node_id: dataclasses.replace(one, outcome=Outcome.NOT_RUN, message="it waits") for one in results
        }
        session.update(selected=waiting)
        session.begin()
        for result in results:
            session.item_started(result.node_id)
            if killed and result is results[-1]:
                assert session._events
                session._events.close()
                return session.folder
            evidence = session.folder_of(result.node_id, 1)
            evidence.mkdir(parents=True)
            (evidence / "evidence.json").write_text("{}\n", encoding="utf-8")
            session.add_result(result)
        session.conclude(pytest_exit)
        return session.folder

    return run
