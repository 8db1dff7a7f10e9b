"""The checks of jobs that replace each other: the next one has the state of the one before, and repeats nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from pytest_flink_agents.checks.bounds import Amount, Bounds, check_amounts
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.history.repetitions import repetitions
from pytest_flink_agents.compare.plans import compare_plans
from pytest_flink_agents.evidence.history import Interruption, history_of
from pytest_flink_agents.evidence.model import Evidence, StepRecord
from pytest_flink_agents.evidence.upgrade import (
    BASELINE,
    RESCALE,
    STOP,
    STOP_AT_CHECKPOINT,
    STOP_WITHOUT_STATE,
    BlueGreen,
    Upgrade,
    Version,
)
from pytest_flink_agents.scenario.error import DocumentPath
from pytest_flink_agents.vocabulary import Tier

NAME, RESCALED, DOWNTIME = "upgrade", "rescale", "downtime"
_PATH, _FAULTS, _MODE = ("upgrade",), ("faults",), ("upgrade", "mode")
NOTHING_OF_CANDIDATE = "the candidate never ran: what the baseline does says nothing about it"
NOTHING_KNOWN = "nothing is known of the candidate: what the baseline does says nothing about it"
# So many differences of a candidate are findings; the evidence has more.
_SHOWN = 5


def check_upgrade(removes: Collection[str], counted: Collection[str], evidence: Evidence) -> CheckResult:
    """Return *invalid* if a version began anew, lacks an action of the one before, or repeated an effect.

    ``removes`` are the actions that it lacks on purpose, ``counted`` the endpoints whose calls the scenario states: only
    that statement judges them. A candidate that was given up beside the baseline is *invalid*, unless that was on purpose.
    *Unknown* if a version was never started, or if nothing is known of a candidate that was given up.
    """
    upgrade = evidence.upgrade
    wrong, unknown = _repeated_effects(_PATH, evidence, counted)
    if upgrade is not None:
        # A version that begins anew has nothing that could become unreachable.
        begins_with_state = not upgrade.stateless or bool(upgrade.versions and upgrade.versions[0].savepoint)
        wrong = (
            *(_wrongly_restored(upgrade) if upgrade.stateless else ()),
            *(_out_of_reach(upgrade, removes) if begins_with_state else ()),
            *wrong,
        )
        unknown = (*_unknown_modes(upgrade), *unknown)
    return _judged(NAME, _PATH, evidence, wrong, unknown)


def without_candidate(results: Sequence[CheckResult], evidence: Evidence) -> tuple[CheckResult, ...]:
    """Return the results of a run; *unknown* in place of *invalid* if they say nothing about its candidate.

    It was not started, or was given up beside the baseline and nothing is known of it: all that was seen is the baseline's.
    The check of the upgrade stays: it compares plans, and one of them is the candidate's.
    """
    upgrade = evidence.upgrade
    if upgrade is None:
        return tuple(results)
    beside = upgrade.blue_green
    alone = upgrade.planned > 1 and [version.name for version in upgrade.versions] == [BASELINE]
    if not alone and (beside is None or not beside.reason or beside.known):
        return tuple(results)
    why = Finding(NOTHING_OF_CANDIDATE if alone else NOTHING_KNOWN, _PATH)
    return tuple(
        replace(one, validity=Validity.UNKNOWN, findings=(why, *one.findings))
        if one.validity is Validity.INVALID and one.check != NAME
        else one
        for one in results
    )


def check_rescale(counted: Collection[str], evidence: Evidence) -> CheckResult:
    """Return *invalid* if a job with another parallelism began anew, or repeated an effect.

    ``counted`` are the endpoints whose calls the scenario states. *Unknown* if one was never started.
    """
    return _judged(RESCALED, _FAULTS, evidence, *_repeated_effects(_FAULTS, evidence, counted))


def _judged(
    name: str, path: DocumentPath, evidence: Evidence, wrong: Iterable[Finding], unknown: Iterable[Finding]
) -> CheckResult:
    upgrade = evidence.upgrade
    if upgrade is None:
        return CheckResult(name, Validity.UNKNOWN, (Finding("no job was replaced", path),))
    started = _started(upgrade, evidence)
    anew = (_fresh_start(path, version) for version in started if version.began_anew)
    dropped = (_dropped_state(path, version) for version in started if version.savepoint and version.dropped)
    beside = upgrade.blue_green
    given_up = _given_up(beside) if beside is not None and beside.known else ()
    if wrong := (*anew, *dropped, *given_up, *wrong):
        return CheckResult(name, Validity.INVALID, wrong)
    if unknown := (*_not_known(path, upgrade, started), *unknown):
        return CheckResult(name, Validity.UNKNOWN, unknown)
    return CheckResult(name, Validity.VALID, tuple(_remarks(beside)) if beside else ())


def _started(upgrade: Upgrade, evidence: Evidence) -> list[Version]:
    """Return the versions whose job was started; the local tier has no jobs. That of a program may fail before."""
    return [version for version in upgrade.versions if version.job_id or evidence.tier == Tier.LOCAL]


def _not_known(path: DocumentPath, upgrade: Upgrade, started: Sequence[Version]) -> Iterator[Finding]:
    for version in started:
        if version.restored is None and (version.savepoint or upgrade.stateless):
            message = f"Flink did not say what the {version.name} has restored"
            yield Finding(message, path, version.savepoint or "a start without state", missing=True)
        if version.savepoint and version.dropped is None:
            message = f"no log of the JobManager says whether the {version.name} has restored all state"
            yield Finding(message, path, missing=True)
    if upgrade.blue_green is not None and (doubt := _doubt(upgrade.blue_green)):
        yield Finding(doubt, path, missing=not upgrade.blue_green.step)
    if len(started) < upgrade.planned:
        message = f"only {len(started)} of {upgrade.planned} jobs were started"
        yield Finding(message, path, missing=True)


def _given_up(beside: BlueGreen) -> Iterator[Finding]:
    """Yield why a candidate was given up that nobody wanted to give up, and what differed in its shadow."""
    if beside.reason:
        yield Finding(f"the candidate was given up at the step {beside.step}: {beside.reason}", _MODE)
    for one in beside.differences[:_SHOWN]:
        message = f"the candidate differs from the baseline in its shadow, key {one.key}: {one.place}"
        yield Finding(message, _MODE, one.baseline, one.candidate)


def _remarks(beside: BlueGreen) -> Iterator[Finding]:
    yield from (Finding(remark, (*_PATH, "allow")) for remark in beside.remarks)
    yield from (Finding(loss, _MODE) for loss in beside.losses)


def _doubt(beside: BlueGreen) -> str:
    """Return why nothing is known of a rehearsal with two versions alive, empty if it went as the scenario wants."""
    if beside.reason:
        return f"the candidate was given up at the step {beside.step}, which says nothing about it: {beside.reason}"
    if beside.wanted != beside.step:
        return f"the candidate was to be given up after the step {beside.wanted}, and was not"
    if not beside.wanted and not beside.served:
        return "the candidate never took over from the baseline"
    return ""


def _fresh_start(path: DocumentPath, version: Version) -> Finding:
    seen = version.restored or "no restore"
    message = f"the {version.name} began anew: it did not restore the savepoint that it was started from"
    return Finding(message, path, version.savepoint, seen)


def _dropped_state(path: DocumentPath, version: Version) -> Finding:
    operators = ", ".join(version.dropped or ())
    message = f"the {version.name} dropped state of the savepoint: its program allows state that is not restored"
    return Finding(message, path, "a start with all state", f"no state of the operators {operators}")


def _wrongly_restored(upgrade: Upgrade) -> Iterator[Finding]:
    for version in upgrade.versions:
        if version.restored and not version.savepoint:
            yield Finding(f"the {version.name} has restored a state", _PATH, "a start without state", version.restored)


def _out_of_reach(upgrade: Upgrade, removes: Collection[str]) -> Iterator[Finding]:
    yield from _missing_actions(upgrade, removes)
    for before, version in pairwise(upgrade.versions):
        modes = {before.python_mode, version.python_mode}
        # A job of the user's own, which has no plan, may have no operator in Python.
        judged = upgrade.baseline or modes.isdisjoint(("", None))
        if version.savepoint and len(modes) > 1 and judged:
            message = (
                f"the {version.name} runs in another mode of Python, which does not find the state of the {before.name}"
            )
            yield Finding(message, _PATH, f"{before.python_mode} mode", f"{version.python_mode} mode")


def _unknown_modes(upgrade: Upgrade) -> Iterator[Finding]:
    if upgrade.baseline:
        return
    for before, version in pairwise(upgrade.versions):
        silent = [one.name for one in (before, version) if one.python_mode is None]
        if version.savepoint and silent:
            message = f"no log of a TaskManager says in which mode of Python the {silent[0]} runs"
            yield Finding(message, _PATH, missing=True)
        elif version.savepoint and before.python_mode and not version.python_mode:
            message = f"the {version.name} has no operator in Python, which could take the state of the {before.name}"
            yield Finding(message, _PATH, f"{before.python_mode} mode", "no line of a mode of Python", missing=True)


def _missing_actions(upgrade: Upgrade, removes: Collection[str]) -> Iterator[Finding]:
    for change in compare_plans(upgrade.baseline, upgrade.candidate):
        if change.part == "action" and change.unreachable and change.name not in removes:
            message = f"the candidate has no action {change.name}; unreachable: {change.unreachable}"
            expected = f"the action {change.name}, or its name under upgrade.removes"
            yield Finding(message, _PATH, expected, ", ".join(filter(None, (str(change.change), change.now))))


def _repeated_effects(
    path: DocumentPath, evidence: Evidence, counted: Collection[str]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the effects that happened again after a switch, and those of which that is not known."""
    history = history_of(evidence)
    # A start without state reads inputs again, though nothing was to be restored; and a candidate beside the baseline has
    # read them before.
    anew = [
        Interruption(f'the step "{step.name}"', step.began_s, step.ended_s)
        for step in history.faults
        if not step.interrupted and step.name.startswith((STOP, STOP_WITHOUT_STATE))
    ]
    interruptions = tuple(sorted((*history.interruptions, *anew), key=lambda one: one.at_s))
    again = [
        one for one in repetitions(replace(history, interruptions=interruptions)) if one.first.endpoint not in counted
    ]
    known = (one for one in again if one.first.input is not None)
    wrong = tuple(Finding(one.text, path, "each effect once", one.seen, key=one.first.key) for one in known)
    # Two inputs with the same content lead to the same call.
    doubt = "may be of two inputs: the calls do not name theirs; state them under expect.effects"
    unknown = (one for one in again if one.first.input is None)
    return wrong, tuple(Finding(f"{one.text}, or they {doubt}", path, "each effect once", one.seen) for one in unknown)


def check_downtime(maximum_s: float, evidence: Evidence) -> CheckResult:
    """Return *invalid* if no output came for longer than ``maximum_s`` at a switch."""
    bounds = Bounds(("expect", "downtime"), maximum=maximum_s)
    return check_amounts(DOWNTIME, [(bounds, amount) for amount in downtimes(evidence)] or [(bounds, _NO_SWITCH)])


_NO_SWITCH = Amount("the downtime", None, "no job was replaced")
# The beginnings of the acts that stop a job for another one, and how their downtime is named.
_SWITCHES = {
    **dict.fromkeys((STOP, STOP_AT_CHECKPOINT, STOP_WITHOUT_STATE), "before the "),
    RESCALE: "before parallelism ",
}


def downtimes(evidence: Evidence) -> list[Amount]:
    """Return the seconds without an output at each switch.

    They begin with the stop, or with the last output of the version that is stopped if that came later, and end
    with the first output of the next version, each as the broker wrote it: a reader of committed records sees it with
    the next checkpoint.
    """
    return [
        _downtime(f"the downtime {_SWITCHES[begins]}{step.act.removeprefix(begins)}", step, evidence)
        for step in evidence.steps
        for begins in _SWITCHES
        if step.act.startswith(begins) and step.felt
    ]


def _downtime(name: str, stop: StepRecord, evidence: Evidence) -> Amount:
    times = [output.at_s for output in evidence.outputs]
    known = [at_s for at_s in times if at_s is not None]
    if len(known) < len(times) or stop.began_s is None or stop.ended_s is None:
        return Amount(name, None, "the outputs have no times")
    after = [at_s for at_s in known if at_s > stop.ended_s]
    if not after:
        return Amount(name, None, "no output came after it")
    last = max([stop.began_s, *(at_s for at_s in known if at_s <= stop.ended_s)])
    return Amount(name, round(min(after) - last, 3), unit=" s")
