"""Whether each input led to its outputs as often as it should, in the order of its key."""

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
    """Every input led to ``per_input`` outputs: fewer are lost, more are duplicates unless ``at_least_once`` allows them.

    Outputs of a key come in the order of its inputs; where repeats are allowed, those that came first count. What came
    and should not have is invalid, also in a run that was cut short or failed; what is only missing from such a run is
    unknown. So is everything where outputs do not tell their inputs.
    """
    silent = next((output for output in evidence.outputs if output.input is None), None)
    if silent is not None:
        return _unknown("the outputs do not tell which input led to them", silent)
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
    message = f"an output tells input {output.input}, and there is none of that number"
    return Finding(message, _PATH, "no such output", output.value, key=output.key)


def _each(what: str, numbers: Sequence[int], per_input: int, counts: Counter[int], evidence: Evidence) -> list[Finding]:
    """A finding for each of the first inputs, which says how many more there are."""
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
    """For each key at most one finding: the first output that came after one of a later input."""
    latest: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    findings: dict[str, Finding] = {}
    for output in outputs:
        key, number = identity(output.key), output.input
        assert number is not None, "looked at before"
        if (key, number) in seen:
            continue
        seen.add((key, number))
        before = latest.get(key, -1)
        if number < before and key not in findings:
            message = f"output out of order: of key {key}, input {number} led to one after input {before} had"
            findings[key] = Finding(
                message, _PATH, f"input {number} before input {before}", output.value, key=output.key
            )
        latest[key] = max(before, number)
    return list(findings.values())[:_NAMED]


def _unknown(message: str, output: Output) -> CheckResult:
    finding = Finding(message, _PATH, "outputs with the number of their input", output.value, key=output.key)
    return CheckResult(NAME, Validity.UNKNOWN, (finding,))
