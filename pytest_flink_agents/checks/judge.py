"""All checks of one run.

A check that crashes does not affect the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flink_testbed.core.patterns import SearchBudget, TooSlowError
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.scenario.matching.custom import CustomMatcherError

# For the patterns of all checks of one run together; a second is the limit of each search.
_SEARCHES_S = 10.0


def judge(checks: Mapping[str, Callable[[], CheckResult]]) -> tuple[CheckResult, ...]:
    """Return the results of all checks in order.

    A check that crashes, or whose patterns take too long, or whose added matchers crash, is *unknown*,
    which never passes.
    """
    with SearchBudget(_SEARCHES_S):
        return tuple(_guarded(name, check) for name, check in checks.items())


def _guarded(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    try:
        return check()
    except (TooSlowError, CustomMatcherError) as error:
        return CheckResult(name, Validity.UNKNOWN, (Finding(str(error)),))
    except Exception as error:
        finding = Finding(f"FA502: the check {name!r} crashed, please report it: {type(error).__name__}: {error}")
        return CheckResult(name, Validity.UNKNOWN, (finding,))


def overall(results: tuple[CheckResult, ...]) -> Validity:
    """Return the validity of all results together.

    *Invalid* if any check is, else *unknown* if any check is or there is none, else *valid*.
    """
    validities = {result.validity for result in results}
    if Validity.INVALID in validities:
        return Validity.INVALID
    return Validity.VALID if validities == {Validity.VALID} else Validity.UNKNOWN
