"""``flink-agents-gate diff``: show what changed between two sessions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_flink_agents.checks.bounds import number_text
from pytest_flink_agents.cli.stored_session import StoredSession, stored_session
from pytest_flink_agents.gate import ItemResult
from pytest_flink_agents.redact import Redactor

_ABSENT = "-"
_SHOWN = 12
_DIGEST = len("sha256:") + 12
# Figures of two runs of the same job are hardly ever equal.
_NOTABLE = 0.1


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: what it is, and its value in both sessions."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs between two sessions, by what it is about.

    ``results`` are the outcomes of items, ``identity`` digests of what was tested, ``figures`` the measurements of runs.
    """

    verdict: tuple[Change, ...]
    results: tuple[Change, ...]
    identity: tuple[Change, ...]
    options: tuple[Change, ...]
    figures: tuple[Change, ...]

    def sections(self) -> dict[str, tuple[Change, ...]]:
        """Return the changes by the name of their section."""
        return {name: getattr(self, name) for name in ("verdict", "results", "identity", "options", "figures")}


def diff(before: Path, after: Path, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code and the text: 0 if both sessions are the same, but for figures, and 1 if they are not.

    Raises ``HostError`` FA430 for a folder without a session.
    """
    found = difference(stored_session(before), stored_session(after))
    sections = found.sections()
    same = not any(changes for name, changes in sections.items() if name != "figures")
    redactor = Redactor(os.environ)
    text = _json(sections) if as_json else _text(before, after, sections)
    return 0 if same else 1, redactor.text(text)


def difference(before: StoredSession, after: StoredSession) -> Difference:
    """Return what differs between two sessions."""
    results = [{result.node_id: result for result in session.run.results} for session in (before, after)]
    return Difference(
        verdict=_changes({"verdict": before.answer or _ABSENT}, {"verdict": after.answer or _ABSENT}),
        results=_changes(*({name: _outcome(result) for name, result in each.items()} for each in results)),
        identity=_changes(_identity(before), _identity(after)),
        options=_changes(before.run.options, after.run.options),
        figures=tuple(_figures(*results)),
    )


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names = dict.fromkeys((*before, *after))
    both = (Change(name, before.get(name, _ABSENT), after.get(name, _ABSENT)) for name in names)
    return tuple(change for change in both if change.before != change.after)


def _outcome(result: ItemResult) -> str:
    word = result.outcome.value.replace("_", " ")
    return f"{word} (tolerated)" if result.tolerated else word


def _identity(session: StoredSession) -> dict[str, str]:
    identity = session.identity
    groups = (identity.subjects, identity.scenarios, identity.configurations, identity.parts)
    dirty = {True: "changed files", False: "no changed files"}
    return {
        "commit": session.git.commit or _ABSENT,
        "changes since the commit": _ABSENT if session.git.dirty is None else dirty[session.git.dirty],
        "policy": f"{session.policy or _ABSENT} {session.policy_digest}".strip(),
        **{name: digest for group in groups for name, digest in group.items()},
        **{name: value for name, value in session.environment.items() if name != "ci run"},
    }


def _figures(before: Mapping[str, ItemResult], after: Mapping[str, ItemResult]) -> Iterator[Change]:
    """Yield the figures of items of both sessions that differ by a tenth or more, or that only one has."""
    for name, result in before.items():
        other = after[name].figures if name in after else {}
        for word in dict.fromkeys((*result.figures, *other)) if name in after else ():
            mine, its = (figures[word].value if word in figures else None for figures in (result.figures, other))
            if mine == its or (mine and its and abs(its - mine) < _NOTABLE * abs(mine)):
                continue
            values = [_ABSENT if value is None else number_text(value) for value in (mine, its)]
            yield Change(f"{word} of {name}", *values)


def _json(sections: Mapping[str, tuple[Change, ...]]) -> str:
    data: dict[str, Any] = {
        name: [{"what": one.what, "before": one.before, "after": one.after} for one in changes]
        for name, changes in sections.items()
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _text(before: Path, after: Path, sections: Mapping[str, tuple[Change, ...]]) -> str:
    lines = [f"{before} -> {after}"]
    for name, changes in sections.items():
        lines += [name] if changes else [f"{name}: the same"]
        lines += [f"  {one.what}: {_short(one.before)} -> {_short(one.after)}" for one in changes[:_SHOWN]]
        lines += [f"  ... and {len(changes) - _SHOWN} more, see --json"] if len(changes) > _SHOWN else []
    return "\n".join(lines)


def _short(text: str) -> str:
    """Return the text with digests that fit into a line."""
    words = text.split(" ")
    return " ".join(word[:_DIGEST] if word.startswith("sha256:") else word for word in words)
