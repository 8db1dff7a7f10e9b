"""``report.json``: the results of a session, so that a verdict can be made again by another policy."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.gate import (
    Baseline,
    ItemResult,
    Outcome,
    Policy,
    Selection,
    Verdict,
    add_reason,
    decide,
    doubtful,
    files_changed,
    no_answer,
)
from pytest_flink_agents.identity import file_digest
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.json_files import write_json
from pytest_flink_agents.scenario.boundary.places import open_regular, shown
from pytest_flink_agents.vocabulary import Tier

REPORT_FILE = "report.json"
SCHEMA_VERSION = "1"
NOT_ENDED = "the session has not ended: it was killed, or still runs"


class DamagedRunError(HostError):
    """A stored run that contradicts itself, or that is not as a session of this version writes it."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What a verdict is made of, besides the policy.

    ``results`` has one result for each item, as it was before any waiver of a policy. ``tiers`` are those of the session,
    ``named_tiers`` those that the user named. ``changed`` are files that changed while the session ran. ``unexplained``
    is the number of pytest's failures that no result explains. ``doubts`` say why the results are not those of a whole
    session: nothing can be decided then. ``options`` are those that change what a run shows.
    """

    results: tuple[ItemResult, ...]
    selection: Selection
    tiers: tuple[Tier, ...]
    named_tiers: tuple[Tier, ...]
    pytest_exit: int
    changed: tuple[str, ...] = ()
    unexplained: int = 0
    doubts: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def verdict(self, policy: Policy, today: datetime.date) -> Verdict:
        """Return the verdict on the session under a policy; ``today`` is in UTC."""
        verdict = decide(
            self.results,
            policy,
            self.pytest_exit,
            selection=self.selection,
            unexplained=self.unexplained,
            today=today,
        )
        if self.changed:
            verdict = add_reason(verdict, files_changed(self.changed))
        return no_answer(verdict, *map(doubtful, self.doubts)) if self.doubts else verdict

    def as_data(self) -> dict[str, Any]:
        """Return the run as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "counts": dict(Counter(result.outcome.value for result in self.results)),
            "results": [result.as_data() for result in self.results],
            "selection": dataclasses.asdict(self.selection),
            "tiers": [tier.value for tier in self.tiers],
            "named_tiers": [tier.value for tier in self.named_tiers],
            "pytest_exit": self.pytest_exit,
            "changed": list(self.changed),
            "unexplained": self.unexplained,
            "doubts": list(self.doubts),
            "options": dict(self.options),
        }


def write_run(folder: Path, run: StoredRun, redactor: Redactor) -> None:
    """Write ``report.json``."""
    write_json(folder / REPORT_FILE, run.as_data(), redactor)


def read_run(path: Path) -> StoredRun:
    """Return the run of a folder, or of the file itself.

    Raises ``HostError`` FA430 if there is none, :class:`DamagedRunError` FA439 if the file is truncated, edited or of
    another program or version.
    """
    file = _file_of(path)
    try:
        with open_regular(file) as stream:
            text = stream.read().decode()
    except OSError as error:
        next_step = "name the run folder of a session that ended, such as flink-agents-report/latest"
        seen = error.strerror or str(error)
        raise HostError(
            Problem("FA430", "there is no stored run", str(file), f"a {REPORT_FILE}", seen, next_step)
        ) from None
    except UnicodeDecodeError as error:
        raise _damaged(file, "UTF-8", str(error)) from None
    return _run_of(text, file)


def load_baseline(path: Path, root: Path) -> Baseline:
    """Return the session of a run folder, or of its report.json, as one to compare with.

    ``root`` is the project's, to which its name in messages is relative. Raises as :func:`read_run` does.
    """
    run, file = read_run(path), _file_of(path).resolve()
    return Baseline(shown(file, root.resolve()), file_digest(file), run.results)


def read_history(directory: Path, before: Path | None = None) -> Iterator[tuple[ItemResult, ...]]:
    """Yield the results of the stored sessions in a directory of reports, the oldest first.

    Only those that are older than the run folder ``before``, if it is given; names of folders sort by time. A session
    without results, or whose results cannot be trusted, shows nothing.
    """
    folders = sorted(path for path in directory.glob(f"*/{REPORT_FILE}") if not path.parent.is_symlink())
    for file in folders:
        if before is None or file.parent.name < before.name:
            with contextlib.suppress(HostError):
                yield read_run(file).results


def _file_of(path: Path) -> Path:
    return path if path.is_file() else path / REPORT_FILE


def _run_of(text: str, file: Path) -> StoredRun:
    try:
        data = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, "one JSON document", str(error)) from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise _damaged(file, f"schema_version {SCHEMA_VERSION!r}", repr(version))
    # Imported here: a session that only writes its run does not need it.
    from pydantic import TypeAdapter, ValidationError

    try:
        run = TypeAdapter(StoredRun).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _damaged(file, f"{place}: {first['msg']}", repr(first["input"])) from None
    # What the classes fill in or leave out is a difference, too: a missing field must not become its default.
    difference = next(_differences(json.loads(json.dumps(run.as_data())), data, "the run"), None)
    if difference or (difference := _contradiction(run)):
        raise _damaged(file, *difference)
    return run


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key that is written twice"
        raise ValueError(message)
    return found


def _differences(expected: Any, seen: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield what was expected and seen at each place where two JSON values differ."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        for key in [*expected, *(key for key in seen if key not in expected)]:
            if key not in expected or key not in seen:
                yield f"{place}: {'the field' if key in expected else 'no field'} {key!r}", "another set of fields"
            else:
                yield from _differences(expected[key], seen[key], f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        for index, (one, other) in enumerate(zip(expected, seen, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]")
    elif expected != seen:
        yield f"{place}: {expected!r}", repr(seen)


def _contradiction(run: StoredRun) -> tuple[str, str] | None:
    """Return what a session never writes: what was expected, and what was seen."""
    if not run.tiers or not set(run.named_tiers) <= set(run.tiers):
        seen = f"tiers: {', '.join(run.tiers) or 'none'}; named: {', '.join(run.named_tiers) or 'none'}"
        return "the tiers of the session, and those named among them", seen
    ids = Counter(result.node_id for result in run.results)
    twice = next((node_id for node_id, count in ids.items() if count > 1), None)
    if twice is not None:
        return "one result for each item", f"two of {twice}"
    for result in run.results:
        if result.tier is not None and result.tier not in run.tiers:
            return f"{result.node_id}: a tier of the session", str(result.tier)
        if result.tolerated and result.outcome is not Outcome.FLAKY:
            return f"{result.node_id}: flaky, since it is tolerated", str(result.outcome)
        if not all(figure.value is None or math.isfinite(figure.value) for figure in result.figures.values()):
            return f"{result.node_id}: figures that are finite numbers", str(dict(result.figures))
        if min(result.repeats, result.attempt) < 1:
            return f"{result.node_id}: at least one run and attempt", f"{result.repeats}, {result.attempt}"
    return None


def _damaged(file: Path, expected: str, seen: str) -> DamagedRunError:
    next_step = "judge the file as the session wrote it, with the version of this package that ran the session"
    return DamagedRunError(
        Problem("FA439", "the stored run cannot be trusted", str(file), expected, _short(seen), next_step)
    )


def _short(text: str) -> str:
    limit = 200
    return text if len(text) <= limit else f"{text[:limit]}..."
