"""``verdict.json``, and any other JSON file of the report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_flink_agents.gate import Policy, Reason, Verdict
from pytest_flink_agents.identity import GitState, Identity, digest_of
from pytest_flink_agents.redact import Redactor, printable_json
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.outline import readable
from pytest_flink_agents.report.shorten import shorten
from pytest_flink_agents.version import __version__

SCHEMA_VERSION = "1"
VERDICT_FILE = "verdict.json"
ENVIRONMENT_FILE = "environment.json"


def write_verdict(
    path: Path,
    verdict: Verdict,
    policy: Policy,
    *,
    identity: Identity,
    git: GitState,
    started: str,
    finished: str,
    redactor: Redactor,
) -> None:
    """Write the verdict for programs.

    ``identity`` has the digests of what was tested; times are ISO 8601 in UTC.
    """
    policy_digest = _policy_digest(policy)
    data = {
        "schema_version": SCHEMA_VERSION,
        "verdict": verdict.verdict,
        "profile": verdict.profile,
        "policy": verdict.policy,
        "reasons": [_reason(reason, redactor) for reason in verdict.reasons],
        "rules": [dataclasses.asdict(rule) for rule in verdict.rules],
        "counts": verdict.counts,
        "waivers": [dataclasses.asdict(waiver) for waiver in verdict.waivers],
        "subjects": _named(identity.subjects),
        "scenarios": _named(identity.scenarios),
        "configurations": _named(identity.configurations),
        "parts": _named(identity.parts),
        "policies": _named({policy.file: policy.digest} if policy.file else {}),
        "git": dataclasses.asdict(git),
        "policy_digest": policy_digest,
        "scenarios_digest": Identity(scenarios=identity.scenarios).digest(),
        "identity_digest": identity.digest(policy_digest, git.commit),
        "baseline": _baseline(verdict),
        "started": started,
        "finished": finished,
        "tool": {"name": "pytest-flink-agents", "version": __version__},
    }
    write_json(path, data, redactor)


def verdict_text(verdict: Verdict, redactor: Redactor) -> str:
    """Return the verdict alone as JSON: what is decided anew on a stored run."""
    data = {
        "verdict": verdict.verdict,
        "profile": verdict.profile,
        "policy": verdict.policy,
        "reasons": [_reason(reason, redactor) for reason in verdict.reasons],
        "rules": [dataclasses.asdict(rule) for rule in verdict.rules],
        "counts": verdict.counts,
        "waivers": [dataclasses.asdict(waiver) for waiver in verdict.waivers],
        "baseline": _baseline(verdict),
    }
    return printable_json(json.dumps(redactor.data(data), indent=2, ensure_ascii=False))


def _baseline(verdict: Verdict) -> dict[str, Any] | None:
    """Return the session that was compared with, and each figure in both; None without one."""
    if verdict.baseline is None:
        return None
    figures = [
        {
            "node_id": each.node_id,
            "figure": each.word,
            "before": dataclasses.asdict(each.before),
            "now": dataclasses.asdict(each.now),
        }
        for each in verdict.compared
    ]
    return {"name": verdict.baseline.name, "digest": verdict.baseline.digest, "figures": figures}


def _named(digests: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "digest": digest} for name, digest in sorted(digests.items())]


def _policy_digest(policy: Policy) -> str:
    """Return a digest of everything that decides, besides the results: policy, profile, tiers, baseline, history."""
    tiers = [[tier.value for tier in tiers] for tiers in (policy.tiers, policy.named_tiers)]
    baseline = [policy.baseline.digest] if policy.baseline else []
    history = [policy.history.sessions, sorted(policy.history.stable)] if policy.rules.screening else []
    deciding = [policy.profile, *tiers, policy.file, policy.digest, *baseline, *history]
    return digest_of([json.dumps(deciding).encode()])


def _reason(reason: Reason, redactor: Redactor) -> dict[str, Any]:
    # An agent's output may be megabytes long; the evidence has it whole.
    return dataclasses.asdict(reason) | {"message": shorten(redactor.mask(reason.message), reason.evidence)}


def write_json(path: Path, data: Any, redactor: Redactor) -> None:
    """Write any data as one readable JSON file.

    Raises ``HostError`` FA422 if it cannot be written.
    """
    write_text(path, printable_json(readable(data, redactor)) + "\n")
