"""The check of the record of calls: whole, and of declared routes only."""

from __future__ import annotations

from flink_testbed.ledger.entry import REFUSED_BODY, EffectCall
from flink_testbed.ledger.routes import TOOL
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence

LEDGER = "effects ledger"
_EFFECTS = ("effects",)
_SHOWN = 5


def check_ledger(evidence: Evidence) -> CheckResult:
    """Return *unknown* if calls may be missing, *invalid* if one had no route.

    A run whose ledger ended early proves nothing: the agent may have failed because of that.
    """
    if evidence.effects_unknown:
        message = "the record of the agent's calls is not whole: nothing is known of this run"
        return CheckResult(
            LEDGER, Validity.UNKNOWN, (Finding(message, _EFFECTS, "every call", evidence.effects_unknown),)
        )
    undeclared = [call for call in evidence.effects or () if call.source == "effects" and not call.route]
    findings = [_finding(call) for call in undeclared[:_SHOWN]]
    if len(undeclared) > _SHOWN:
        findings.append(Finding(f"and {len(undeclared) - _SHOWN} more calls without a route", _EFFECTS))
    return CheckResult(LEDGER, Validity.INVALID if findings else Validity.VALID, tuple(findings))


def _finding(call: EffectCall) -> Finding:
    seen = f"call {call.sequence}: {call.method} {call.path}, {call.fault or 'no route'}, status {call.status}"
    if call.fault:
        expected = "a body within the bounds of the ledger" if call.fault == REFUSED_BODY else "a call that can be read"
        message = f"a call of {call.endpoint} was refused"
    else:
        kind = "tool" if call.method == TOOL else "route"
        hint = ": the agent adds its path to the address of the endpoint" if call.path == "/" else ""
        message, expected = f"the agent called {call.endpoint}, which has no such {kind}", f"a declared {kind}{hint}"
    return Finding(message, _EFFECTS, expected, seen, key=call.key)
