"""Compare a report with its attestation, and the attestation with a key and a project."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.attestation.envelope import Attestation, MalformedError, compact, read, strict_json
from pytest_flink_agents.attestation.files import (
    ATTESTATION_FILE,
    NOT_COVERED,
    covered_files,
    digest_of_file,
    is_digest,
    leaves,
    open_file,
)
from pytest_flink_agents.attestation.keys import Verifier
from pytest_flink_agents.attestation.statement import EXTENSION, FILE_GROUPS, VERSION, statement_of
from pytest_flink_agents.identity import Identity, added_code, git_state
from pytest_flink_agents.report.json_files import VERDICT_FILE
from pytest_flink_agents.settings import Settings

_SHOWN = 120
_ABSENT = "nothing"


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer: ``refusals`` are the differences, ``doubts`` say why nothing can be said. Without either it is verified.

    ``verdict`` is that of the report, ``notes`` say what was compared and what not. ``statement`` is the one that was
    compared, None if it could not be read.
    """

    verdict: str = ""
    refusals: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    statement: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Findings:
    refusals: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def refuse(self, where: str, message: str, expected: str, seen: str) -> None:
        self.refusals.append(Problem("FA433", message, where, _short(expected), _short(seen)))


def verify_report(folder: Path, key: Verifier | None, project: Path | None) -> Verification:
    """Return whether the files of a report, and of the ``project``, are those that the attestation names.

    With a ``key`` the attestation must be signed by it. Raises ``HostError`` FA432 if there is no attestation.
    """
    folder = folder.resolve()
    data = _attestation_bytes(folder / ATTESTATION_FILE)
    found = _Findings()
    verdict, attestation = "", None
    try:
        attestation = read(data)
        _check_signature(attestation, key, found)
        if not found.refusals and _is_known(attestation, found):
            verdict = _check_report(folder, attestation, found)
        if project is not None and not found.refusals and not found.doubts:
            _check_project(folder, project.resolve(), found)
    except MalformedError as error:
        found.refuse(ATTESTATION_FILE, "the attestation was altered or cut", "the file as it was written", str(error))
    except HostError as error:
        # Its digest is the attested one: it is the form of another version.
        found.doubts += error.problems
    except OSError as error:
        seen = error.strerror or str(error)
        found.refuse(str(error.filename or folder), "a file of the report cannot be read", "a regular file", seen)
    statement = attestation.statement if attestation else None
    return Verification(verdict, tuple(found.refusals), tuple(found.doubts), tuple(found.notes), statement)


def is_signed(folder: Path) -> bool:
    """Return whether the attestation of a report has a signature, whatever it is worth; False if it cannot be read.

    Raises ``HostError`` FA432 if there is no attestation.
    """
    try:
        return read(_attestation_bytes(folder / ATTESTATION_FILE)).signature is not None
    except MalformedError:
        return False


def _attestation_bytes(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            return file.read()
    except OSError as error:
        next_step = "name the run folder of a session that ran scenarios and has ended"
        message, seen = "there is no attestation to verify", error.strerror or str(error)
        raise HostError(Problem("FA432", message, str(path), "a regular file", seen, next_step)) from None


def _check_signature(attestation: Attestation, key: Verifier | None, found: _Findings) -> None:
    if attestation.signature is None:
        if key is not None:
            message = "the attestation is not signed"
            found.refuse(ATTESTATION_FILE, message, f"a signature by the key {key.key_id}", "no signature")
        found.notes.append("not signed: who can write the report can write its attestation")
        return
    if key is None:
        next_step = "name the public key of those who sign your reports: --key=FILE"
        message = "the signature cannot be checked without a key"
        seen = f"a signature by the key {attestation.key_id}"
        found.doubts.append(Problem("FA432", message, ATTESTATION_FILE, "--key", seen, next_step))
        return
    if attestation.key_id != key.key_id:
        message = "another key is named: signatures[0].keyid"
        found.refuse(ATTESTATION_FILE, message, key.key_id, attestation.key_id)
    elif not attestation.signed_by(key):
        message = "the signature is not that of the key and this statement: signatures[0].sig"
        found.refuse(ATTESTATION_FILE, message, f"a signature by the key {key.key_id}", "another signature")
    found.notes.append(f"signed by the key {key.key_id}")


def _is_known(attestation: Attestation, found: _Findings) -> bool:
    """Return whether this version of the program knows the version of the statement."""
    predicate = attestation.statement.get("predicate")
    extension = predicate.get(EXTENSION) if isinstance(predicate, dict) else None
    version = extension.get("version") if isinstance(extension, dict) else None
    if version == VERSION:
        return True
    message, next_step = "the attestation has another version", "verify with the version that wrote the report"
    seen = _short(json.dumps(version))
    found.doubts.append(Problem("FA432", message, ATTESTATION_FILE, f"version {VERSION}", seen, next_step))
    return False


def _check_report(folder: Path, attestation: Attestation, found: _Findings) -> str:
    """Compare the files of the folder, then the statement that they make; return the verdict."""
    attested = _attested_files(attestation.statement)
    seen = covered_files(folder)
    for name in sorted({*attested, *seen}):
        expected, now = attested.get(name, _ABSENT), seen.get(name, _ABSENT)
        if leaves(folder, name, now):
            found.refuse(name, "a link leaves the report", "a file of the report", now)
        elif not is_digest(now) and now not in (_ABSENT, expected):
            found.refuse(name, "this is not a regular file", expected, now)
        elif expected != now:
            found.refuse(name, _difference(expected, now), expected, now)
    if found.refusals:
        return ""
    statement = statement_of(folder, seen)
    for place, expected, now in _differences("", attestation.statement, statement):
        found.refuse(f"{ATTESTATION_FILE}: {place}", "the statement differs from the report", now, expected)
    if not found.refusals and compact(statement) != attestation.body:
        message = "the statement has another order than the one that was written"
        found.refuse(ATTESTATION_FILE, message, "the order of the report", "another order")
    found.notes.append(f"{len(seen)} files of the report compared; {NOT_COVERED}/ is not covered")
    return str(statement["predicate"][EXTENSION]["verdict"])


def _difference(expected: str, now: str) -> str:
    if now == _ABSENT:
        return "the file is missing"
    return "the file is not attested" if expected == _ABSENT else "the file was altered"


def _attested_files(statement: Mapping[str, Any]) -> dict[str, str]:
    try:
        extension = statement["predicate"][EXTENSION]
        files = {one["name"]: f"sha256:{one['digest']['sha256']}" for one in extension["files"]}
        return {**files, **{one["name"]: one["kind"] for one in extension["otherEntries"]}}
    except (KeyError, TypeError, AttributeError):
        message = f"the field predicate.{EXTENSION} is not as it was written"
        raise MalformedError(message) from None


def _differences(place: str, first: Any, second: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the place of each difference between two JSON values, and both sides."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in dict.fromkeys((*first, *second)):
            below = f"{place}.{key}" if place else str(key)
            if key in first and key in second:
                yield from _differences(below, first[key], second[key])
            else:
                one, other = (json.dumps(each[key]) if key in each else _ABSENT for each in (first, second))
                yield below, one, other
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from _differences(f"{place}[{number}]", one, other)
    elif first != second or type(first) is not type(second):
        yield place, json.dumps(first), json.dumps(second)


def _check_project(folder: Path, project: Path, found: _Findings) -> None:
    """Compare the files of the project with those that were tested; the report is known to be as attested."""
    with open_file(folder / VERDICT_FILE) as file:
        verdict = strict_json(file.read())
    compared = elsewhere = 0
    for group in FILE_GROUPS:
        for one in verdict[group]:
            name, expected = one["name"], one["digest"]
            if not is_digest(expected) or Path(name).is_absolute():
                elsewhere += is_digest(expected)
                continue
            compared += 1
            try:
                now = digest_of_file((project / name).resolve())
            except OSError as error:
                now = error.strerror or str(error)
            if now != expected:
                found.refuse(str(project / name), "the file is not the one that was tested", expected, now)
    known = Identity(*({one["name"]: one["digest"] for one in verdict[group]} for group in ("subjects", "scenarios")))
    for name in added_code(known, Settings(project, (), report_dir=folder.resolve().parent), report=folder.resolve()):
        found.refuse(str(project / name), "the job may load this code, which was not tested", _ABSENT, "a file")
    found.notes.append(f"{compared} files of the project compared")
    if elsewhere:
        found.notes.append(f"{elsewhere} files outside of the project are attested and not compared")
    if verdict["parts"]:
        found.notes.append(f"{len(verdict['parts'])} packages, engines and jars are attested and not compared")
    _check_commit(verdict["git"]["commit"], project, found)


def _check_commit(commit: str, project: Path, found: _Findings) -> None:
    if not commit:
        return
    state = git_state(project)
    if not state.commit:
        found.notes.append(f"the commit {commit} is not compared: {state.reason}")
    elif state.commit != commit:
        found.refuse(str(project), "the project is at another commit", commit, state.commit)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
