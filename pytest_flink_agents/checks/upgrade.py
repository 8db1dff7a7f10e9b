"""The checks of a rehearsed upgrade: the next version has the state of the one before, and repeats nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pytest_flink_agents.checks.bounds import Amount, Bounds, check_amounts
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.history.repetitions import repetitions
from pytest_flink_agents.compare.plans import compare_plans
from pytest_flink_agents.evidence.history import history_of
from pytest_flink_agents.evidence.model import Evidence, StepRecord
from pytest_flink_agents.evidence.upgrade import STOP, Upgrade, Version

NAME, DOWNTIME = "upgrade", "downtime"
_PATH = ("upgrade",)


def check_upgrade(removes: Collection[str], counted: Collection[str], evidence: Evidence) -> CheckResult:
    """Return *invalid* if a version began anew, lacks an action of the one before, or repeated an effect.

    ``removes`` are the actions that it lacks on purpose, ``counted`` the endpoints whose calls the scenario states: only
    that statement judges them. *Unknown* if a version was never started.
    """
    upgrade = evidence.upgrade
    if upgrade is None:
        return CheckResult(NAME, Validity.UNKNOWN, (Finding("no version was started", _PATH),))
    wrong = (*_fresh_starts(upgrade), *_missing_actions(upgrade, removes), *_repeated_effects(evidence, counted))
    if wrong:
        return CheckResult(NAME, Validity.INVALID, wrong)
    if len(upgrade.versions) < upgrade.planned:
        message = f"only {len(upgrade.versions)} of {upgrade.planned} versions were started"
        return CheckResult(NAME, Validity.UNKNOWN, (Finding(message, _PATH, missing=True),))
    return CheckResult(NAME, Validity.VALID)


def _fresh_starts(upgrade: Upgrade) -> Iterator[Finding]:
    for version in upgrade.versions:
        if version.began_anew:
            yield _fresh_start(version)


def _fresh_start(version: Version) -> Finding:
    seen = version.restored or "no restore"
    message = f"the {version.name} began anew: it did not restore the savepoint that it was started from"
    return Finding(message, _PATH, version.savepoint, seen)


def _missing_actions(upgrade: Upgrade, removes: Collection[str]) -> Iterator[Finding]:
    for change in compare_plans(upgrade.baseline, upgrade.candidate):
        if change.part == "action" and change.unreachable and change.name not in removes:
            message = f"the candidate has no action {change.name}; unreachable: {change.unreachable}"
            expected = f"the action {change.name}, or its name under upgrade.removes"
            yield Finding(message, _PATH, expected, ", ".join(filter(None, (str(change.change), change.now))))


def _repeated_effects(evidence: Evidence, counted: Collection[str]) -> Iterator[Finding]:
    for one in repetitions(history_of(evidence)):
        # Two inputs with the same content lead to the same call.
        if one.first.input is not None and one.first.endpoint not in counted:
            yield Finding(one.text, _PATH, "each effect once", one.seen, key=one.first.key)


def check_downtime(maximum_s: float, evidence: Evidence) -> CheckResult:
    """Return *invalid* if no output came for longer than ``maximum_s`` at a switch."""
    bounds = Bounds(("expect", "downtime"), maximum=maximum_s)
    return check_amounts(DOWNTIME, [(bounds, amount) for amount in downtimes(evidence)] or [(bounds, _NO_SWITCH)])


_NO_SWITCH = Amount("the downtime", None, "no version was replaced")


def downtimes(evidence: Evidence) -> list[Amount]:
    """Return the seconds without an output at each switch.

    They begin with the stop, or with the last output of the version that is stopped if that came later, and end
    with the first output of the next version, each as the broker wrote it: a reader of committed records sees it with
    the next checkpoint.
    """
    return [_downtime(step, evidence) for step in evidence.steps if step.act.startswith(STOP) and step.felt]


def _downtime(stop: StepRecord, evidence: Evidence) -> Amount:
    name = f"the downtime before the {stop.act.removeprefix(STOP)}"
    times = [output.at_s for output in evidence.outputs]
    known = [at_s for at_s in times if at_s is not None]
    if len(known) < len(times) or stop.began_s is None or stop.ended_s is None:
        return Amount(name, None, "the outputs have no times")
    after = [at_s for at_s in known if at_s > stop.ended_s]
    if not after:
        return Amount(name, None, "no output came after it")
    last = max([stop.began_s, *(at_s for at_s in known if at_s <= stop.ended_s)])
    return Amount(name, round(min(after) - last, 3), unit=" s")
