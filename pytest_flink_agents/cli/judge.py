"""``flink-agents-gate judge``: decide on a finished session by a policy, without running anything."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from flink_testbed.core import clock
from pytest_flink_agents.gate import EXIT_CODES, Baseline, Policy, Verdict, history_of, inconclusive, report_not_trusted
from pytest_flink_agents.policy.load import under_policy
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.json_files import verdict_text
from pytest_flink_agents.report.stored_run import DamagedRunError, load_baseline, read_history, read_run
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.settings import POLICY_FILE


def judge(
    run: Path, policy: Path | None, profile: str, *, as_json: bool, baseline: Path | None = None
) -> tuple[int, str]:
    """Return the exit code of the verdict on a stored session, and the text to print.

    ``run`` is its run folder or report.json. Without a ``policy`` the file in this directory counts, if it exists. A
    stored run that cannot be trusted is *inconclusive*. Raises ``HostError`` FA430 if there is none, ``PolicyError`` for a
    policy with mistakes or without the ``profile``. ``baseline`` is the stored session to compare with; raises as for a
    missing run, and FA439 for one that cannot be trusted.
    """
    verdict = _verdict(run, policy, profile, load_baseline(baseline, Path()) if baseline else None)
    redactor = Redactor(os.environ)
    if as_json:
        return EXIT_CODES[verdict.verdict], verdict_text(verdict, redactor)
    folder = run if run.is_dir() else run.parent
    lines = verdict_lines(verdict, str(folder / "summary.md"), redactor)
    return EXIT_CODES[verdict.verdict], "\n".join(text for text, _ in lines)


def _verdict(path: Path, policy: Path | None, profile: str, baseline: Baseline | None) -> Verdict:
    try:
        run = read_run(path)
    except DamagedRunError as error:
        (problem,) = error.problems
        reason = report_not_trusted(f"{problem.code}: expected {problem.expected}, seen {problem.seen}")
        return inconclusive(profile or "default", reason)
    session = Policy(profile or "default", run.tiers, run.named_tiers, baseline=baseline)
    file = policy or Path(POLICY_FILE)
    if policy or profile or os.path.lexists(file):
        session = under_policy(file, Path(), dataclasses.replace(session, profile=profile))
    if session.rules.screening is not None:
        folder = path.resolve() if path.is_dir() else path.resolve().parent
        history = history_of(read_history(folder.parent, before=folder), session.rules.screening.runs)
        session = dataclasses.replace(session, history=history)
    return run.verdict(session, clock.today())
