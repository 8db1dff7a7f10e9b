"""The statement on a report: in-toto's Statement v1 with the predicate test-result v0.1.

https://github.com/in-toto/attestation has both. The statement is made of the files of the run folder alone, so that
every reader can make it again and compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_flink_agents.attestation.envelope import MalformedError, file_of, strict_json
from pytest_flink_agents.attestation.files import ATTESTATION_FILE, covered_files, is_digest, open_file
from pytest_flink_agents.attestation.keys import Signer
from pytest_flink_agents.gate import ItemResult, Outcome, VerdictKind
from pytest_flink_agents.report.ci.server import CI_RUN
from pytest_flink_agents.report.files import cannot_write, write_bytes
from pytest_flink_agents.report.json_files import ENVIRONMENT_FILE, VERDICT_FILE
from pytest_flink_agents.report.stored_run import read_run

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
# The field of the predicate that in-toto does not know, and the version of its content.
EXTENSION = "flinkAgentsGate"
VERSION = "1"
# The predicate has no word for unknown, and readers take WARNED for a pass. The extension has the verdict itself.
RESULTS = {
    VerdictKind.PROMOTE.value: "PASSED",
    VerdictKind.INCONCLUSIVE.value: "FAILED",
    VerdictKind.BLOCK.value: "FAILED",
}
# The groups of verdict.json that name files of the project, and the one of everything else that was tested.
FILE_GROUPS = ("subjects", "scenarios", "configurations", "policies")
_PARTS = "parts"
# Those that are no subject but a part of the configuration.
_CONFIGURATION = ("scenarios", "configurations", "policies")
_NOT_ASKED_FOR = (Outcome.SKIPPED, Outcome.NOT_APPLICABLE)


def write_attestation(folder: Path, signer: Signer | None) -> None:
    """Write the attestation of a finished report, none if the session had no subject.

    Every other file must have its last content. Raises ``HostError`` FA422 if it cannot be written.
    """
    try:
        files = covered_files(folder)
        statement = statement_of(folder, files)
    except OSError as error:
        raise cannot_write(folder / ATTESTATION_FILE, error) from None
    if statement["subject"]:
        write_bytes(folder / ATTESTATION_FILE, file_of(statement, signer))


def statement_of(folder: Path, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the statement on a report: ``files`` has its files with their digests.

    Raises ``OSError``, ``HostError`` or ``MalformedError`` if a file of the report is missing or has another form.
    """
    verdict, environment = (_read(folder / name) for name in (VERDICT_FILE, ENVIRONMENT_FILE))
    run = read_run(folder)
    try:
        return {
            "_type": STATEMENT_TYPE,
            "subject": [*_subjects(verdict), *_commit(verdict)],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "result": RESULTS[verdict["verdict"]],
                "configuration": [one for group in _CONFIGURATION for one in _described(verdict[group])],
                **({"url": environment[CI_RUN]} if environment.get(CI_RUN) else {}),
                **_tests(run.results, {waiver["node_id"] for waiver in verdict["waivers"]}),
                EXTENSION: _extension(verdict, files),
            },
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"the report has another form: {type(error).__name__}: {error}"
        raise MalformedError(message) from None


def _read(path: Path) -> Any:
    with open_file(path) as file:
        return strict_json(file.read())


def _subjects(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for group in (*FILE_GROUPS, _PARTS) for one in _described(verdict[group])]


def _described(named: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return those whose digest is known as in-toto's resource descriptors."""
    return [_resource(one["name"], one["digest"]) for one in named if is_digest(one["digest"])]


def _resource(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}


def _commit(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    commit = verdict["git"]["commit"]
    return [{"name": "git commit", "digest": {"gitCommit": commit}}] if commit else []


def _tests(results: Iterable[ItemResult], waived: set[str]) -> dict[str, list[str]]:
    """Return the node ids of all tests that were asked for: passed, with a warning, and everything else."""
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for result in results:
        if result.outcome is Outcome.PASSED:
            kind = "passedTests"
        elif result.node_id in waived or result.tolerated:
            kind = "warnedTests"
        elif result.outcome in _NOT_ASKED_FOR and not (result.tier and result.outcome is Outcome.SKIPPED):
            continue
        else:
            kind = "failedTests"
        tests[kind].append(result.node_id)
    return tests


def _extension(verdict: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    groups = (*FILE_GROUPS, _PARTS)
    return {
        "version": VERSION,
        **{word: verdict[word] for word in ("verdict", "profile", "policy_digest", "identity_digest", "git")},
        **{word: verdict[word] for word in ("started", "finished", "tool")},
        "notKnown": [one["name"] for group in groups for one in verdict[group] if not is_digest(one["digest"])],
        "files": [_resource(name, text) for name, text in files.items() if is_digest(text)],
        "otherEntries": [{"name": name, "kind": text} for name, text in files.items() if not is_digest(text)],
    }
