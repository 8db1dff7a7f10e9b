"""``flink-agents-gate verify``: compare a report with its attestation."""

from __future__ import annotations

import json
import os
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.attestation import Verification, read_verifier, verify_report
from pytest_flink_agents.redact import Redactor

VERIFIED, REFUSED, CANNOT_TELL = 0, 1, 10
_ANSWERS = {VERIFIED: "verified", REFUSED: "refused", CANNOT_TELL: "cannot tell"}
_SHOWN = 20


def verify(folder: Path, key: Path | None, project: Path | None, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code and the text to print: 0 verified, 1 refused, 10 if there is no answer."""
    found = verification(folder, key, project)
    code = REFUSED if found.refusals else CANNOT_TELL if found.doubts else VERIFIED
    redactor = Redactor(os.environ)
    return code, redactor.text(_json(code, found) if as_json else _text(code, found))


def verification(folder: Path, key: Path | None, project: Path | None) -> Verification:
    """Return the comparison; an obstacle to it is a doubt."""
    try:
        return verify_report(folder, read_verifier(key) if key else None, project)
    except HostError as error:
        return Verification(doubts=error.problems)


def _json(code: int, found: Verification) -> str:
    data = {
        "answer": _ANSWERS[code],
        "verdict": found.verdict,
        "refusals": [_problem(problem) for problem in found.refusals],
        "doubts": [_problem(problem) for problem in found.doubts],
        "notes": list(found.notes),
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _problem(problem: Problem) -> dict[str, str]:
    return {
        "code": problem.code,
        "where": problem.where,
        "message": problem.message,
        "expected": problem.expected,
        "seen": problem.seen,
    }


def _text(code: int, found: Verification) -> str:
    problems = (*found.refusals, *found.doubts)
    lines = [_ANSWERS[code].upper() + (f"  the verdict is {found.verdict}" if found.verdict else "")]
    lines += [problem.render() for problem in problems[:_SHOWN]]
    lines += [f"... and {len(problems) - _SHOWN} more, see --json"] if len(problems) > _SHOWN else []
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])
