"""``flink-agents-gate judge``: decide on a finished session by a policy, without running anything."""

from __future__ import annotations

import os
from pathlib import Path

from flink_testbed.core import clock
from pytest_flink_agents.gate import EXIT_CODES, Policy
from pytest_flink_agents.policy.load import under_policy
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.json_files import verdict_text
from pytest_flink_agents.report.stored_run import read_run
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.settings import POLICY_FILE


def judge(folder: Path, policy: Path | None, profile: str, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code of the verdict on the session of a run folder, and the text to print.

    Without a ``policy`` the file in this directory counts, if it exists. Raises ``HostError`` FA430 for a folder without
    a finished session, ``PolicyError`` for a policy with mistakes or without the ``profile``.
    """
    run = read_run(folder)
    session = Policy(profile, run.tiers, run.named_tiers)
    file = policy or Path(POLICY_FILE)
    if policy or profile or os.path.lexists(file):
        session = under_policy(file, Path(), session)
    else:
        session = Policy("default", run.tiers, run.named_tiers)
    verdict = run.verdict(session, clock.today())
    redactor = Redactor(os.environ)
    if as_json:
        return EXIT_CODES[verdict.verdict], verdict_text(verdict, redactor)
    lines = verdict_lines(verdict, str(folder / "summary.md"), redactor)
    return EXIT_CODES[verdict.verdict], "\n".join(text for text, _ in lines)
