"""``flink-agents-gate judge``: decide on a finished session by a policy, without running anything."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.core import clock
from pytest_flink_agents.cli.stored_session import stored_policy, stored_run
from pytest_flink_agents.cli.verify import verification
from pytest_flink_agents.gate import (
    EXIT_CODES,
    Policy,
    Verdict,
    add_reason,
    doubtful,
    history_of,
    inconclusive,
    report_not_trusted,
)
from pytest_flink_agents.policy.load import under_policy
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.json_files import verdict_text
from pytest_flink_agents.report.session_report import SUMMARY_FILE
from pytest_flink_agents.report.stored_run import DamagedRunError, StoredRun, load_baseline, read_history
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.settings import POLICY_FILE


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a decision on a stored session.

    Without a ``policy`` the file in this directory counts, if it exists; an empty ``profile`` is the one that the file
    names. ``baseline`` is the stored session to compare with. The public ``key`` must have signed the report.
    """

    policy: Path | None = None
    profile: str = ""
    baseline: Path | None = None
    key: Path | None = None


def judge(run: Path, conditions: Conditions, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code of the verdict on a stored session, and the text to print.

    ``run`` is its run folder or report.json. A stored run that cannot be trusted is *inconclusive*, with a key also one
    that it did not sign or that was altered since. Raises ``HostError`` FA430 if there is none, ``PolicyError`` for a
    policy with mistakes or without the profile, and FA439 for a baseline that cannot be trusted.
    """
    folder = run if run.is_dir() else run.parent
    verdict = _not_verified(folder, conditions) or _verdict(run, conditions)
    return answer(verdict, folder, Redactor(os.environ), as_json=as_json)


def answer(verdict: Verdict, folder: Path, redactor: Redactor, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code of a verdict on the report in a folder, and the text to print."""
    if as_json:
        return EXIT_CODES[verdict.verdict], verdict_text(verdict, redactor)
    lines = verdict_lines(verdict, str(folder / SUMMARY_FILE), redactor)
    return EXIT_CODES[verdict.verdict], "\n".join(text for text, _ in lines)


def policy_in_force(run: StoredRun, conditions: Conditions, folder: Path) -> Policy:
    """Return the policy to judge a run by; the sessions beside its ``folder`` are its history.

    Raises ``PolicyError``, and ``HostError`` for a baseline that cannot be read.
    """
    policy, profile = conditions.policy, conditions.profile
    baseline = load_baseline(conditions.baseline, Path()) if conditions.baseline else None
    session = Policy(profile or "default", run.tiers, run.named_tiers, baseline=baseline)
    file = policy or Path(POLICY_FILE)
    if policy or profile or os.path.lexists(file):
        session = under_policy(file, Path(), dataclasses.replace(session, profile=profile))
    if session.rules.screening is not None:
        history = history_of(read_history(folder.parent, before=folder), session.rules.screening.runs)
        session = dataclasses.replace(session, history=history)
    return session


def _verdict(path: Path, conditions: Conditions) -> Verdict:
    try:
        run = stored_run(path)
    except DamagedRunError as error:
        (problem,) = error.problems
        reason = report_not_trusted(f"{problem.code}: expected {problem.expected}, seen {problem.seen}")
        return inconclusive(conditions.profile or "default", reason)
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    policy = policy_in_force(run, conditions, folder)
    verdict = run.verdict(policy, clock.today())
    decided_by = "" if policy.file else stored_policy(folder)
    if decided_by:
        # In another directory than the project's: without its rules nearly everything would do.
        why = f"the session was decided by the policy {decided_by}, and none is here: name the policy with --policy"
        verdict = add_reason(verdict, doubtful(why))
    return verdict


def _not_verified(folder: Path, conditions: Conditions) -> Verdict | None:
    """Return the verdict on a report that is not as the key signed it, None if it is or no key is named.

    Not even a failure in it counts: nobody knows who wrote it.
    """
    if conditions.key is None:
        return None
    found = verification(folder, conditions.key, None)
    reasons = [
        report_not_trusted(f"{problem.where}: {problem.code}: {problem.message}")
        for problem in (*found.refusals, *found.doubts)
    ]
    return inconclusive(conditions.profile or "default", *reasons) if reasons else None
