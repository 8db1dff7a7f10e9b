"""``flink-agents-gate judge``: decide on a finished session by a policy, without running anything."""

from __future__ import annotations

import os
from pathlib import Path

from flink_testbed.core import clock
from pytest_flink_agents.gate import EXIT_CODES, Policy, Verdict, inconclusive, report_not_trusted
from pytest_flink_agents.policy.load import under_policy
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.json_files import verdict_text
from pytest_flink_agents.report.stored_run import DamagedRunError, read_run
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.settings import POLICY_FILE


def judge(run: Path, policy: Path | None, profile: str, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code of the verdict on a stored session, and the text to print.

    ``run`` is its run folder or report.json. Without a ``policy`` the file in this directory counts, if it exists. A
    stored run that cannot be trusted is *inconclusive*. Raises ``HostError`` FA430 if there is none, ``PolicyError`` for a
    policy with mistakes or without the ``profile``.
    """
    verdict = _verdict(run, policy, profile)
    redactor = Redactor(os.environ)
    if as_json:
        return EXIT_CODES[verdict.verdict], verdict_text(verdict, redactor)
    folder = run if run.is_dir() else run.parent
    lines = verdict_lines(verdict, str(folder / "summary.md"), redactor)
    return EXIT_CODES[verdict.verdict], "\n".join(text for text, _ in lines)


def _verdict(path: Path, policy: Path | None, profile: str) -> Verdict:
    try:
        run = read_run(path)
    except DamagedRunError as error:
        (problem,) = error.problems
        reason = report_not_trusted(f"{problem.code}: expected {problem.expected}, seen {problem.seen}")
        return inconclusive(profile or "default", reason)
    session = Policy(profile, run.tiers, run.named_tiers)
    file = policy or Path(POLICY_FILE)
    if policy or profile or os.path.lexists(file):
        session = under_policy(file, Path(), session)
    else:
        session = Policy("default", run.tiers, run.named_tiers)
    return run.verdict(session, clock.today())
