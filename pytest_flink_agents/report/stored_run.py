"""``report.json``: the results of a session, so that a verdict can be made again by another policy."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.gate import ItemResult, Policy, Selection, Verdict, add_reason, decide, files_changed
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.json_files import write_json
from pytest_flink_agents.vocabulary import Tier

REPORT_FILE = "report.json"
SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What a verdict is made of, besides the policy.

    ``results`` has one result for each item, as it was before any waiver of a policy. ``tiers`` are those of the session,
    ``named_tiers`` those that the user named. ``changed`` are files that changed while the session ran. ``unexplained``
    is the number of pytest's failures that no result explains.
    """

    results: tuple[ItemResult, ...]
    selection: Selection
    tiers: tuple[Tier, ...]
    named_tiers: tuple[Tier, ...]
    pytest_exit: int
    changed: tuple[str, ...] = ()
    unexplained: int = 0

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
        return add_reason(verdict, files_changed(self.changed)) if self.changed else verdict

    def as_data(self) -> dict[str, Any]:
        """Return the run as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "results": [result.as_data() for result in self.results],
            "selection": dataclasses.asdict(self.selection),
            "tiers": [tier.value for tier in self.tiers],
            "named_tiers": [tier.value for tier in self.named_tiers],
            "pytest_exit": self.pytest_exit,
            "changed": list(self.changed),
            "unexplained": self.unexplained,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> StoredRun:
        """Return the run that :meth:`as_data` described."""
        if data["schema_version"] != SCHEMA_VERSION:
            message = f"version {data['schema_version']!r} of the file"
            raise ValueError(message)
        return cls(
            tuple(map(ItemResult.from_data, data["results"])),
            Selection.from_data(data["selection"]),
            tuple(map(Tier, data["tiers"])),
            tuple(map(Tier, data["named_tiers"])),
            int(data["pytest_exit"]),
            tuple(data["changed"]),
            int(data["unexplained"]),
        )


def write_run(folder: Path, run: StoredRun, redactor: Redactor) -> None:
    """Write ``report.json``."""
    write_json(folder / REPORT_FILE, run.as_data(), redactor)


def read_run(folder: Path) -> StoredRun:
    """Return the run of a folder.

    Raises ``HostError`` FA430 if there is none, or if it cannot be read.
    """
    path = folder / REPORT_FILE
    try:
        return StoredRun.from_data(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        seen = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        next_step = "name the run folder of a session that ended, such as flink-agents-report/latest"
        expected = f"a {REPORT_FILE} of this version"
        problem = Problem("FA430", "there is no run to judge", str(path), expected, str(seen), next_step)
        raise HostError(problem) from None
