"""The check of a delivery guarantee: lost, duplicated and reordered outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.model import Evidence, Output

NAME = "delivery"
EXACTLY_ONCE, AT_LEAST_ONCE = "exactly_once", "at_least_once"
_PATH = ("expect", "delivery", "outputs")
_NAMED = 5


def check_delivery(guarantee: str, per_input: int, evidence: Evidence) -> CheckResult:
    """Return *invalid* if outputs are lost, duplicated or out of order.

    An output is lost if its input led to fewer than ``per_input`` outputs, and duplicated if to
    more. Under ``at_least_once`` duplicates are allowed, and the first output of each input counts
    for the order. Missing outputs of a run that was stopped or failed are *unknown*; everything is,
    if outputs do not name their inputs.
    """
    silent = next((output for output in evidence.outputs if output.input is None), None)
    if silent is not None:
        return _unknown("the outputs do not name the input that led to them", silent)
    counts = Counter(output.input for output in evidence.outputs if output.input is not None)
    numbers = range(len(evidence.input_keys))
    lost = [number for number in numbers if counts[number] < per_input]
    repeated = [number for number in numbers if counts[number] > per_input] if guarantee == EXACTLY_ONCE else []
    wrong = [
        *(_phantom(output) for output in evidence.outputs if output.input not in numbers),
        *_each("duplicated", repeated, per_input, counts, evidence),
        *_out_of_order(evidence.outputs),
    ]
    missing = _each("lost", lost, per_input, counts, evidence)
    ended = evidence.complete and (evidence.job_state == "FINISHED" or evidence.stopped)
    validity = Validity.VALID
    if wrong or (missing and ended):
        validity = Validity.INVALID
    elif missing or not evidence.input_keys:
        validity = Validity.UNKNOWN
    return CheckResult(NAME, validity, (*wrong, *missing))


def _phantom(output: Output) -> Finding:
    message = f"an output names input {output.input}, which does not exist"
    return Finding(message, _PATH, "no such output", output.value, key=output.key)


def _each(what: str, numbers: Sequence[int], per_input: int, counts: Counter[int], evidence: Evidence) -> list[Finding]:
    """Return a finding for each of the first inputs.

    It says how many more there are.
    """
    more = f" (and {len(numbers) - _NAMED} more inputs)" if len(numbers) > _NAMED else ""
    return [
        Finding(
            f"output {what}: input {number} of key {identity(key)} led to {counts[number]} outputs{more}",
            _PATH,
            per_input,
            counts[number],
            key=key,
            missing=counts[number] < per_input,
        )
        for number in numbers[:_NAMED]
        for key in [evidence.input_keys[number]]
    ]


def _out_of_order(outputs: Sequence[Output]) -> list[Finding]:
    """Return at most one finding per key.

    It is about the first output that came after that of a later input.
    """
    latest: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    findings: dict[str, Finding] = {}
    for output in outputs:
        key, number = identity(output.key), output.input
        assert number is not None, "checked by the caller"
        if (key, number) in seen:
            continue
        seen.add((key, number))
        before = latest.get(key, -1)
        if number < before and key not in findings:
            message = (
                f"output out of order: for key {key}, the output of input {number} came after that of input {before}"
            )
            findings[key] = Finding(
                message, _PATH, f"input {number} before input {before}", output.value, key=output.key
            )
        latest[key] = max(before, number)
    return list(findings.values())[:_NAMED]


def _unknown(message: str, output: Output) -> CheckResult:
    finding = Finding(message, _PATH, "outputs with their input number", output.value, key=output.key)
    return CheckResult(NAME, Validity.UNKNOWN, (finding,))
