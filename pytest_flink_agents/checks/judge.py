"""All checks of one run, none of which can take the others down."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity


def judge(checks: Mapping[str, Callable[[], CheckResult]]) -> tuple[CheckResult, ...]:
    """The results in order. A check that crashes says *unknown*: it is our bug, and never a pass."""
    return tuple(_guarded(name, check) for name, check in checks.items())


def _guarded(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    try:
        return check()
    except Exception as error:
        finding = Finding(f"FA502: the check {name!r} crashed, please report it: {type(error).__name__}: {error}")
        return CheckResult(name, Validity.UNKNOWN, (finding,))


def overall(results: tuple[CheckResult, ...]) -> Validity:
    """One invalid check is invalid; else one unknown is unknown; no check at all is unknown too."""
    validities = {result.validity for result in results}
    if Validity.INVALID in validities:
        return Validity.INVALID
    return Validity.VALID if validities == {Validity.VALID} else Validity.UNKNOWN
