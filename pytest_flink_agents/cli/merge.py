"""``flink-agents-gate merge``: join the reports of all shards of one session into one report and verdict."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path

from flink_testbed.core import clock
from flink_testbed.core.directories import make_private
from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.attestation import read_signer, write_attestation
from pytest_flink_agents.cli.judge import Conditions, answer, policy_in_force
from pytest_flink_agents.cli.shard_versions import other_versions
from pytest_flink_agents.cli.stored_session import StoredSession, stored_session
from pytest_flink_agents.cli.verify import verification
from pytest_flink_agents.gate import ItemResult, Outcome, Policy, Selection, Shard, Verdict
from pytest_flink_agents.identity import NOT_KNOWN, Identity
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.session_report import SessionReport, write_report
from pytest_flink_agents.report.stored_run import StoredRun

_EVIDENCE = "artifacts"
# Exit codes of pytest that only say that something failed, or that a shard had no item.
_PASSED, _FAILED, _NO_ITEMS = 0, 1, 5


@dataclasses.dataclass(frozen=True, slots=True)
class Output:
    """The options of the output: a directory that does not exist yet, and the key that signs the new report."""

    out: Path
    sign_key: str = ""
    as_json: bool = False


def merge(folders: Sequence[Path], conditions: Conditions, output: Output) -> tuple[int, str]:
    """Return the exit code of the verdict on all shards together, and the text to print.

    The report is written to a new directory. Raises ``HostError`` FA430 for a folder without a session, FA434 if the
    directory exists, FA431 for a key that cannot sign; ``PolicyError`` for a policy with mistakes.
    """
    signer = read_signer(output.sign_key, Path(), os.environ, "--sign-key") if output.sign_key else None
    shards = [stored_session(folder) for folder in folders]
    doubts = [*_not_trusted(folders, conditions.key), *doubts_about(shards)]
    run = merged_run(shards, doubts)
    policy = policy_in_force(run, conditions, output.out.resolve())
    doubts += _other_policy(shards, policy)
    run = dataclasses.replace(run, doubts=tuple(doubts))
    verdict = run.verdict(policy, clock.today())
    redactor = Redactor(os.environ)
    if signer:
        redactor.learn(signer.secrets)
    _make(output.out)
    for shard in shards:
        _copy_evidence(shard.folder / _EVIDENCE, output.out / _EVIDENCE)
    write_report(output.out, _report(shards, verdict, policy, run), redactor)
    write_attestation(output.out, signer)
    return answer(verdict, output.out, redactor, as_json=output.as_json)


def merged_run(shards: Sequence[StoredSession], doubts: Sequence[str]) -> StoredRun:
    """Return the results of all shards as those of one session."""
    results: dict[str, ItemResult] = {}
    for session in shards:
        for result in session.run.results:
            known = results.get(result.node_id)
            # Another shard knows more of an item that one has skipped.
            if known is None or known.outcome is Outcome.SKIPPED:
                results[result.node_id] = result
    runs = [session.run for session in shards]
    selection = reduce(Selection.merge, (run.selection for run in runs))
    return StoredRun(
        tuple(results.values()),
        dataclasses.replace(selection, shard=None, limits=(*selection.limits, *_missing(shards))),
        runs[0].tiers,
        runs[0].named_tiers,
        _exit_of([run.pytest_exit for run in runs]),
        tuple(dict.fromkeys(name for run in runs for name in run.changed)),
        sum(run.unexplained for run in runs),
        tuple(doubts),
        runs[0].options,
    )


def doubts_about(shards: Sequence[StoredSession]) -> list[str]:
    """Return why the results are not those of all shards of one session; nothing if they are."""
    return [*_numbers(shards), *_ends(shards), *_differences(shards), *other_versions(shards), *_items(shards)]


def _exit_of(codes: Sequence[int]) -> int:
    """Return pytest's exit code of all shards together: one that says the most, else *failed*, else *passed*."""
    others = [code for code in codes if code not in (_PASSED, _FAILED, _NO_ITEMS)]
    if others or _FAILED in codes:
        return others[0] if others else _FAILED
    return _PASSED if _PASSED in codes else _NO_ITEMS


def _shard_of(session: StoredSession) -> Shard | None:
    return session.run.selection.shard


def _numbers(shards: Sequence[StoredSession]) -> Iterator[str]:
    """Yield what is wrong with the numbers of the shards: none may be there twice."""
    for session in shards:
        if _shard_of(session) is None:
            yield f"{session.folder} is no shard: its session had no --flink-shard"
    known = [(shard, session.folder) for session in shards if (shard := _shard_of(session))]
    if not known:
        return
    first, where = known[0]
    for shard, folder in known[1:]:
        if shard.count != first.count:
            yield f"{folder} is shard {shard}, but {where} is shard {first}"
    found: dict[int, Path] = {}
    for shard, folder in known:
        if shard.index in found:
            yield f"shard {shard} is there twice: {found[shard.index]} and {folder}"
        found.setdefault(shard.index, folder)


def _missing(shards: Sequence[StoredSession]) -> tuple[str, ...]:
    """Return the shards that have not reported: a part of the session that was left out, and no doubt about the rest."""
    known = [shard for session in shards if (shard := _shard_of(session))]
    count = known[0].count if known else 0
    absent = sorted({*range(1, count + 1)} - {shard.index for shard in known})
    return tuple(f"shard {index} of {count} has not reported" for index in absent)


def _ends(shards: Sequence[StoredSession]) -> Iterator[str]:
    for session in shards:
        for doubt in session.run.doubts:
            yield f"{session.folder}: {doubt}"


def _differences(shards: Sequence[StoredSession]) -> Iterator[str]:
    """Yield what is not the same in all shards: commit, policy, items, options and files."""
    first = shards[0]
    facts = _facts(first)
    for other in shards[1:]:
        theirs = _facts(other)
        for name in dict.fromkeys((*facts, *theirs)):
            mine, its = facts.get(name, "nothing"), theirs.get(name, "nothing")
            if mine != its:
                yield f"{name} differs: {mine} in {first.folder}, {its} in {other.folder}"
                # The first difference explains the others.
                break


def _facts(session: StoredSession) -> Mapping[str, str]:
    """Return everything that all shards must have in common, by its name."""
    shard, git = _shard_of(session), session.git
    facts = {
        "the commit": git.commit or "not known",
        "the state of the files": "changed since the commit" if git.dirty else "as committed",
        "the policy": f"{session.policy or 'none'} {session.policy_digest}".strip(),
        "the profile": session.profile,
        "the number of items": str(shard.items) if shard else "not known",
        "the list of items": shard.digest if shard else "not known",
    }
    facts |= {f"the option {name}": value for name, value in session.run.options.items()}
    identity = session.identity
    for group in (identity.subjects, identity.scenarios, identity.configurations):
        facts |= dict(group)
    return facts


def _items(shards: Sequence[StoredSession]) -> Iterator[str]:
    """Yield what is wrong with the items: each must be in the report of its shard, and in no other."""
    for session in shards:
        shard = _shard_of(session)
        foreign = [one.node_id for one in session.run.results if shard and one.tier and not shard.has(one.node_id)]
        if foreign:
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            yield f"{session.folder} has results of another shard: {foreign[0]}{more}"
    first = _shard_of(shards[0])
    reported = len({result.node_id for session in shards for result in session.run.results})
    if first and reported < first.items and not _missing(shards):
        yield f"{first.items - reported} of {first.items} items are in no report"


def _other_policy(shards: Sequence[StoredSession], policy: Policy) -> list[str]:
    """Return a doubt if the policy is not the one that the shards were judged by."""
    first = shards[0]
    if not first.profile or (first.policy_digest, first.profile) == (policy.digest, policy.profile):
        return []
    both = ((policy.file, policy.profile), (first.policy, first.profile))
    mine, theirs = (f"{file or 'none'} with profile {profile}" for file, profile in both)
    return [
        f"the policy is not that of the shards: {mine}, but theirs is {theirs}: merge with that one, then judge the merged "
        "report by another"
    ]


def _not_trusted(folders: Sequence[Path], key: Path | None) -> list[str]:
    if key is None:
        return []
    found = [(folder, verification(folder, key, None)) for folder in folders]
    return [
        f"{folder}: {problem.where}: {problem.code}: {problem.message}"
        for folder, one in found
        for problem in (*one.refusals, *one.doubts)
    ]


def _report(shards: Sequence[StoredSession], verdict: Verdict, policy: Policy, run: StoredRun) -> SessionReport:
    identity = reduce(Identity.merge, (session.identity for session in shards))
    unknown = [name for name, digest in identity.parts.items() if digest == NOT_KNOWN]
    environment = {name: value for session in reversed(shards) for name, value in session.environment.items()}
    environment["merged from"] = ", ".join(str(session.folder) for session in shards)
    if unknown:
        environment["not the same in all shards"] = ", ".join(unknown)
    started = min((session.started for session in shards if session.started), default="")
    finished = max((session.finished for session in shards if session.finished), default="")
    server = CiServer.of(os.environ, Path.cwd())
    return SessionReport(verdict, policy, run, identity, shards[0].git, environment, server, started, finished)


def _make(out: Path) -> None:
    try:
        make_private(out, exist_ok=False)
    except OSError as error:
        message, expected = "the merged report cannot be written there", "a directory that does not exist yet"
        next_step = "name another one with -o"
        problem = Problem("FA434", message, str(out), expected, error.strerror or str(error), next_step)
        raise HostError(problem) from None


def _copy_evidence(source: Path, target: Path) -> None:
    """Copy the evidence of one shard; links stay links, and other special files are left out."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=_special_files)


def _special_files(directory: str, names: list[str]) -> list[str]:
    paths = {name: Path(directory, name) for name in names}
    return [name for name, path in paths.items() if not (path.is_file() or path.is_dir() or path.is_symlink())]
