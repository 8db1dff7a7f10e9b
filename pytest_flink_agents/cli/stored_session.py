"""A session as its run folder describes it, also one that was killed before it could write its report."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.gate import ItemResult, Selection
from pytest_flink_agents.identity import GitState, Identity
from pytest_flink_agents.report.event_writer import EVENTS_FILE
from pytest_flink_agents.report.json_files import ENVIRONMENT_FILE, VERDICT_FILE
from pytest_flink_agents.report.stored_run import NOT_ENDED, REPORT_FILE, StoredRun, read_run
from pytest_flink_agents.session_record import SessionRecord
from pytest_flink_agents.vocabulary import Tier

_CUT_SHORT = "the session ended while it ran"


@dataclass(frozen=True, slots=True)
class StoredSession:
    """The content of a run folder's files. ``answer`` is the verdict that the session reached, in one word.

    ``folder`` has these files. ``policy_digest`` is that of the policy file, empty without one. Everything besides ``run``
    is empty as far as the session did not come to write it.
    """

    folder: Path
    run: StoredRun
    answer: str = ""
    identity: Identity = field(default_factory=Identity)
    git: GitState = field(default_factory=GitState)
    profile: str = ""
    policy: str = ""
    policy_digest: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    started: str = ""
    finished: str = ""


def stored_run(folder: Path) -> StoredRun:
    """Return the results of a session, by its folder or report.json; those of one that was killed come from its events.

    Raises ``HostError`` FA430 for a folder without a session.
    """
    if folder.is_file() or os.path.lexists(folder / REPORT_FILE) or not (folder / EVENTS_FILE).is_file():
        return read_run(folder)
    return _run_of_events(folder / EVENTS_FILE)


def stored_session(folder: Path) -> StoredSession:
    """Return everything that a run folder says about its session. Raises ``HostError`` FA430."""
    run = stored_run(folder)
    verdict, environment = _object(folder / VERDICT_FILE), _object(folder / ENVIRONMENT_FILE)
    try:
        groups = {
            name: _digests(verdict.get(name, [])) for name in ("subjects", "scenarios", "configurations", "parts")
        }
        policies = _digests(verdict.get("policies", []))
        return StoredSession(
            folder=folder,
            run=run,
            answer=str(verdict.get("verdict", "")),
            identity=Identity(**groups),
            git=GitState(**verdict.get("git", {})),
            profile=str(verdict.get("profile", "")),
            policy=str(verdict.get("policy", "")),
            policy_digest="".join(policies.values()),
            environment={str(name): str(value) for name, value in environment.items()},
            started=str(verdict.get("started", "")),
            finished=str(verdict.get("finished", "")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(folder / VERDICT_FILE, "another form", error) from None


def stored_policy(folder: Path) -> str:
    """Return the policy file that a session was decided by, empty for none. Raises ``HostError`` FA430."""
    return str(_object(folder / VERDICT_FILE).get("policy", ""))


def _digests(named: list[dict[str, str]]) -> dict[str, str]:
    return {one["name"]: one["digest"] for one in named}


def _object(path: Path) -> dict[str, Any]:
    """Return the mapping in a file of the report, an empty one if there is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, "no JSON document", error) from None
    return data if isinstance(data, dict) else {}


def _run_of_events(path: Path) -> StoredRun:
    """Return the run of a session that did not write its report, from what it wrote while it ran."""
    record = SessionRecord()
    settings: dict[str, Any] = {}
    try:
        for event in _events(path):
            kind = event["kind"]
            if kind == "session_started":
                settings = event
            elif kind == "items_selected":
                items = map(ItemResult.from_data, event["items"])
                selection = Selection.from_data(event["selection"])
                record = dataclasses.replace(
                    record, selected={item.node_id: item for item in items}, selection=selection
                )
            elif kind == "item_started" and event["node_id"] in record.selected:
                cut_short = dataclasses.replace(record.selected[event["node_id"]], message=_CUT_SHORT)
                # It counts if the item has no result.
                record = dataclasses.replace(record, selected={**record.selected, cut_short.node_id: cut_short})
            elif kind == "item_finished":
                record = record.with_result(ItemResult.from_data(event["result"]))
        tiers, named = (tuple(map(Tier, settings[word])) for word in ("tiers", "named_tiers"))
        options = {str(name): str(value) for name, value in settings["options"].items()}
        return StoredRun(record.results(), record.selection, tiers, named, 0, doubts=(NOT_ENDED,), options=options)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(path, "events of another version", error) from None


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events. A line that cannot be read is the last one of a session that was killed while it wrote."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise _unreadable(path, "no file of events", error) from None
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _unreadable(path: Path, seen: str, error: Exception) -> HostError:
    detail = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    next_step = "name the run folder of a session, such as flink-agents-report/latest"
    return HostError(
        Problem("FA430", "there is no stored run", str(path), "a file of this version", f"{seen}: {detail}", next_step)
    )
