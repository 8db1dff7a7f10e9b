"""The checks of the calls to a scripted, recorded or real model."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence

_SCRIPT, _CASSETTE = ("llm", "script"), ("llm", "cassette")
_ENDPOINT = ("llm", "endpoint")
_REPLAY = "replay"
_SHOWN = 5


def check_model_calls(evidence: Evidence) -> CheckResult:
    """Return *invalid* if no rule and no recorded exchange answered a call to the model.

    The agent may have caught the resulting error. *Unknown* only if a real model did not answer, because the
    server records each call before it answers.
    """
    replayed = evidence.models is not None and evidence.models.mode == _REPLAY
    what = "that the cassette does not have" if replayed else "that no rule of the script answers"
    real = evidence.models is not None and evidence.models.is_real
    findings = tuple(
        Finding(
            f"the model got a request {'that cannot be forwarded' if real else what}",
            _ENDPOINT if real else _CASSETTE if replayed else _SCRIPT,
            "a request to a model" if real else "a recorded request" if replayed else "a rule that matches",
            call.nearest,
        )
        for call in evidence.model_calls
        if call.nearest
    )
    if evidence.models is not None and evidence.models.unknown and not findings:
        message = "the model's service gave no answer: nothing is known of this run"
        finding = Finding(message, _ENDPOINT, "an answer", evidence.models.unknown)
        return CheckResult("model calls", Validity.UNKNOWN, (finding,))
    return CheckResult("model calls", Validity.INVALID if findings else Validity.VALID, findings)


def check_script_used(rules: int, allowed: int, evidence: Evidence) -> CheckResult:
    """Return *invalid* if more than ``allowed`` of the script's rules or recorded exchanges never answered.

    ``rules`` is their number. Such a run looks right for another reason than the scenario
    says: the agent did not ask the model, or not what the script was written for. The rules after
    the request at which a job failed as expected have no chance to answer.
    """
    answered = {call.rule for call in evidence.model_calls}
    unused = [index for index in range(rules) if index not in answered]
    cut_short = evidence.failure is not None and bool(evidence.model_calls)
    if len(unused) <= allowed or cut_short:
        return CheckResult("unused rules", Validity.VALID)
    next_step = "or expect: {llm: {unused_rules: N}}"
    replayed = evidence.models is not None
    path: tuple[str | int, ...] = _CASSETTE if replayed else _SCRIPT
    if not evidence.model_calls:
        message = f"the model was never asked, although the scenario has a {path[1]} for it"
        findings = [Finding(message, path, f"a request to the model, {next_step}", "no request")]
    else:
        name = "exchange {} of the cassette was never asked for" if replayed else "rule {} of the script never answered"
        places = [path if replayed else (*path, index) for index in unused]
        findings = [
            Finding(name.format(index + 1), place, f"an answer, {next_step}", "none")
            for index, place in list(zip(unused, places, strict=True))[:_SHOWN]
        ]
    if evidence.model_calls and len(unused) > _SHOWN:
        what = "exchanges were never asked for" if replayed else "rules never answered"
        findings.append(Finding(f"and {len(unused) - _SHOWN} more {what}", path))
    return CheckResult("unused rules", Validity.INVALID, tuple(findings))
