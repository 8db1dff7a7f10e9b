"""``flink-agents-gate verify``: compare a report with its attestation; ``attest``: compare, and sign it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.attestation import Verification, attest_report, read_signer, read_verifier, verify_report
from pytest_flink_agents.redact import Redactor

VERIFIED, REFUSED, CANNOT_TELL = 0, 1, 10
_OTHER_ANSWERS = {REFUSED: "refused", CANNOT_TELL: "cannot tell"}
_SHOWN = 20


def verify(folder: Path, key: Path | None, project: Path | None, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code and the text to print: 0 verified, 1 refused, 10 if there is no answer."""
    return _shown(verification(folder, key, project), "verified", Redactor(os.environ), as_json=as_json)


def attest(folder: Path, key: str, project: Path, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code and the text to print: 0 signed, 1 refused, 10 if nothing could be compared.

    ``key`` is the file of a private key, or ``env:NAME``. Raises ``HostError`` FA431 for one that cannot sign.
    """
    signer = read_signer(key, Path(), os.environ, "--key")
    redactor = Redactor(os.environ)
    redactor.learn(signer.secrets)
    try:
        found = attest_report(folder, signer, project)
    except HostError as error:
        found = Verification(doubts=error.problems)
    return _shown(found, "attested", redactor, as_json=as_json)


def _shown(found: Verification, answer: str, redactor: Redactor, *, as_json: bool) -> tuple[int, str]:
    code = REFUSED if found.refusals else CANNOT_TELL if found.doubts else VERIFIED
    word = _OTHER_ANSWERS.get(code, answer)
    return code, redactor.text(_json(word, found) if as_json else _text(word, found))


def verification(folder: Path, key: Path | None, project: Path | None) -> Verification:
    """Return the comparison; an obstacle to it is a doubt."""
    try:
        return verify_report(folder, read_verifier(key) if key else None, project)
    except HostError as error:
        return Verification(doubts=error.problems)


def _json(answer: str, found: Verification) -> str:
    data = {
        "answer": answer,
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


def _text(answer: str, found: Verification) -> str:
    problems = (*found.refusals, *found.doubts)
    lines = [answer.upper() + (f"  the verdict is {found.verdict}" if found.verdict else "")]
    lines += [problem.render() for problem in problems[:_SHOWN]]
    lines += [f"... and {len(problems) - _SHOWN} more, see --json"] if len(problems) > _SHOWN else []
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])
