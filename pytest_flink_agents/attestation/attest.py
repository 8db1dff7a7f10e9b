"""Sign a stored report, so that no process that runs an agent needs the key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import Problem
from pytest_flink_agents.attestation.envelope import file_of, strict_json
from pytest_flink_agents.attestation.files import ATTESTATION_FILE, is_digest, open_file
from pytest_flink_agents.attestation.keys import Signer
from pytest_flink_agents.attestation.statement import FILE_GROUPS
from pytest_flink_agents.attestation.verify import Verification, is_signed, verify_report
from pytest_flink_agents.identity import Identity, git_state
from pytest_flink_agents.report.files import cannot_write
from pytest_flink_agents.report.json_files import VERDICT_FILE

_GROUPS = ("subjects", "scenarios", "configurations", "parts")


def attest_report(folder: Path, signer: Signer, project: Path) -> Verification:
    """Sign the statement on a report if the files of report and project are as it says, else change nothing.

    What is signed is the statement that was compared; then the whole report is compared with the signed one. One that
    the key has signed already is only compared. Raises ``HostError`` FA432 if there is no statement, FA422 if the signed
    one cannot be written.
    """
    folder = folder.resolve()
    if not is_signed(folder):
        found = verify_report(folder, None, project)
        if found.statement is None or found.refusals or found.doubts:
            return found
        verdict = _verdict(folder)
        if altered := tuple(_own_digests(verdict)):
            return dataclasses.replace(found, refusals=altered)
        if unnamed := tuple(_unnamed(verdict, project)):
            return dataclasses.replace(found, doubts=unnamed)
        _replace(folder / ATTESTATION_FILE, file_of(found.statement, signer))
    return verify_report(folder, signer.verifier, project)


def _verdict(folder: Path) -> Mapping[str, Any]:
    with open_file(folder / VERDICT_FILE) as file:
        verdict: Mapping[str, Any] = strict_json(file.read())
    return verdict


def _unnamed(verdict: Mapping[str, Any], project: Path) -> Iterator[Problem]:
    """Yield what every verdict on this project names and this one does not: then nothing was compared with it."""
    named = (one for group in FILE_GROUPS for one in verdict[group])
    if not any(is_digest(one["digest"]) and not Path(one["name"]).is_absolute() for one in named):
        message, next_step = "the report names no file of the project", "sign the report of a session with scenarios"
        yield Problem("FA432", message, VERDICT_FILE, "the files that were tested", "none", next_step)
    if not verdict["git"]["commit"] and (commit := git_state(project).commit):
        message, next_step = "the report names no commit", "run the gate where git can read the project"
        yield Problem("FA432", message, f"{VERDICT_FILE}: git.commit", commit, "none", next_step)


def _own_digests(verdict: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the digests of the verdict that differ from those of its content: it was edited after the session."""
    identity = Identity(**{group: {one["name"]: one["digest"] for one in verdict[group]} for group in _GROUPS})
    digests = {
        "identity_digest": identity.digest(verdict["policy_digest"], verdict["git"]["commit"]),
        "scenarios_digest": Identity(scenarios=identity.scenarios).digest(),
    }
    for field, digest in digests.items():
        seen = str(verdict.get(field, "nothing"))
        if seen != digest:
            message = "the digest is not that of what the verdict names"
            yield Problem("FA433", message, f"{VERDICT_FILE}: {field}", digest, seen)


def _replace(path: Path, data: bytes) -> None:
    """Write a file as a whole: an unsigned statement stays if the disk is full."""
    fresh = path.with_name(f".{path.name}")
    try:
        # Not through a link that lies there.
        with fresh.open("xb") as file:
            file.write(data)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise cannot_write(path, error) from None
