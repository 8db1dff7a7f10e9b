"""The checks of the calls to the scripted model."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence

_SCRIPT = ("llm", "script")
_SHOWN = 5


def check_model_calls(evidence: Evidence) -> CheckResult:
    """Return *invalid* if a call to the model matched no rule.

    The agent may have caught the resulting error. Never *unknown*, because the server records each
    call before it answers.
    """
    findings = tuple(
        Finding(
            "the model got a request that no rule of the script answers",
            _SCRIPT,
            "a rule that matches",
            call.nearest,
        )
        for call in evidence.model_calls
        if call.nearest
    )
    return CheckResult("model calls", Validity.INVALID if findings else Validity.VALID, findings)


def check_script_used(rules: int, allowed: int, evidence: Evidence) -> CheckResult:
    """Return *invalid* if more than ``allowed`` of the script's rules never answered.

    ``rules`` is the number of rules. Such a run looks right for another reason than the scenario
    says: the agent did not ask the model, or not what the script was written for. The rules after
    the request at which a job failed as expected have no chance to answer.
    """
    answered = {call.rule for call in evidence.model_calls}
    unused = [index for index in range(rules) if index not in answered]
    cut_short = evidence.failure is not None and bool(evidence.model_calls)
    if len(unused) <= allowed or cut_short:
        return CheckResult("unused rules", Validity.VALID)
    next_step = "or expect: {llm: {unused_rules: N}}"
    if not evidence.model_calls:
        message = "the model was never asked, although the scenario has a script for it"
        findings = [Finding(message, _SCRIPT, f"a request to the model, {next_step}", "no request")]
    else:
        findings = [
            Finding(
                f"rule {index + 1} of the script never answered", (*_SCRIPT, index), f"an answer, {next_step}", "none"
            )
            for index in unused[:_SHOWN]
        ]
    if evidence.model_calls and len(unused) > _SHOWN:
        findings.append(Finding(f"and {len(unused) - _SHOWN} more rules never answered", _SCRIPT))
    return CheckResult("unused rules", Validity.INVALID, tuple(findings))
