"""The invariants of outputs: none lost, none doubled, none without an input, each key in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_flink_agents.checks.finding import CheckResult, Finding
from pytest_flink_agents.checks.history.invariant import (
    Invariant,
    Origin,
    invalid_if_any,
    more,
    unknown,
    valid,
)
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.history import History, Input
from pytest_flink_agents.evidence.model import Output

_PATH = ("expect", "delivery", "outputs")


def nothing_lost(history: History, per_input: int) -> CheckResult:
    """Return *invalid* if an acknowledged input led to fewer than ``per_input`` outputs.

    *Unknown* if the job did not read its inputs to the end, if there was none, or if some were never
    sent and no other was lost.
    """
    counts = _counts(history)
    lost = [one for one in history.inputs if counts[one.number] < per_input and one.number not in history.unsent]
    findings = _each("lost", lost, counts, per_input, history)
    if not history.drained and lost:
        return unknown(Invariant.NO_LOSS, *list(findings)[:1])
    return invalid_if_any(Invariant.NO_LOSS, findings, otherwise=_without_loss(history))


def _without_loss(history: History) -> CheckResult:
    if not history.inputs:
        return unknown(Invariant.NO_LOSS, Finding("there was no input, so nothing could be lost", _PATH))
    if history.unsent:
        message = f"{len(history.unsent)} inputs were never sent, so nothing is known of their outputs"
        return unknown(Invariant.NO_LOSS, Finding(message, _PATH))
    return valid(Invariant.NO_LOSS)


def nothing_doubled(history: History, per_input: int) -> CheckResult:
    """Return *invalid* if an input led to more than ``per_input`` outputs."""
    counts = _counts(history)
    repeated = [one for one in history.inputs if counts[one.number] > per_input]
    findings = _each("duplicated", repeated, counts, per_input, history)
    return invalid_if_any(
        Invariant.NO_DUPLICATE, findings, otherwise=_so_far(Invariant.NO_DUPLICATE, history, "an output twice")
    )


def no_phantom(history: History) -> CheckResult:
    """Return *invalid* if an output names an input that does not exist."""
    numbers = range(len(history.inputs))
    findings = (
        Finding(
            f"an output names input {output.input}, which does not exist: {_phantom_origin(history)}",
            _PATH,
            "no such output",
            output.value,
            key=output.key,
        )
        for output in history.outputs
        if output.input not in numbers
    )
    otherwise = _so_far(Invariant.NO_PHANTOM, history, "an output without an input")
    return invalid_if_any(Invariant.NO_PHANTOM, findings, otherwise=otherwise)


def in_order(history: History) -> CheckResult:
    """Return *invalid* if a key's output came after that of a later input of the key.

    The first output of each input counts, so that a repetition is no matter of order. There is one
    counter-example a key.
    """
    return invalid_if_any(
        Invariant.ORDER,
        _out_of_order(history),
        otherwise=_so_far(Invariant.ORDER, history, "an output that was overtaken"),
    )


def _counts(history: History) -> Counter[int]:
    return Counter(output.input for output in history.outputs if output.input is not None)


def _so_far(invariant: Invariant, history: History, what: str) -> CheckResult:
    """Return *valid* if no further output can come, else *unknown*."""
    if history.final:
        return valid(invariant)
    return unknown(invariant, Finding(f"{what} may still come: the run was cut short", _PATH))


def _each(
    what: str, inputs: Sequence[Input], counts: Counter[int], per_input: int, history: History
) -> Iterator[Finding]:
    others = more(len(inputs), "inputs")
    for one in inputs:
        count = counts[one.number]
        origin = _origin_of_loss(one, history) if count < per_input else _origin_of_repetition(one, history)
        yield Finding(
            f"output {what}: input {one.number} of key {identity(one.key)} led to {count} outputs{others}: {origin}",
            _PATH,
            per_input,
            count,
            key=one.key,
            missing=count < per_input,
        )


def _origin_of_loss(lost: Input, history: History) -> str:
    if history.inputs_in_topic is not None and history.inputs_in_topic < history.acknowledged:
        return f"{Origin.BROKER} acknowledged {history.acknowledged} inputs and has {history.inputs_in_topic}"
    if any(output.input == lost.number for output in history.uncommitted or ()):
        return f"{Origin.CONNECTOR} wrote it in a transaction that was never committed"
    if history.uncommitted is None:
        return f"{Origin.JOB} did not send it"
    return f"{Origin.JOB} did not send it, since the topic has no record of it, committed or not"


def _origin_of_repetition(repeated: Input, history: History) -> str:
    if history.inputs_in_topic is not None and history.inputs_in_topic > len(history.inputs):
        return f"{Origin.PRODUCER} wrote {history.inputs_in_topic} records for {len(history.inputs)} inputs"
    times = [output.at_s for output in history.outputs if output.input == repeated.number]
    known = [at_s for at_s in times if at_s is not None]
    for fault in history.faults:
        if known and min(known) < fault.ended_s and max(known) >= fault.began_s:
            return f'{Origin.CONNECTOR} committed it before and after the step "{fault.name}"'
    return f"{Origin.JOB} sent it more than once"


def _phantom_origin(history: History) -> str:
    if history.inputs_in_topic is not None and history.inputs_in_topic > len(history.inputs):
        return f"{Origin.PRODUCER} wrote {history.inputs_in_topic} records for {len(history.inputs)} inputs"
    return f"{Origin.JOB} sent it"


def _out_of_order(history: History) -> Iterator[Finding]:
    latest: dict[str, int] = {}
    seen: set[tuple[str, int | None]] = set()
    reported: set[str] = set()
    for output in history.outputs:
        key, number = identity(output.key), output.input
        if number is None or (key, number) in seen:
            continue
        seen.add((key, number))
        before = latest.get(key, -1)
        if number < before and key not in reported:
            reported.add(key)
            yield _overtaken(output, before, history)
        latest[key] = max(before, number)


def _overtaken(output: Output, before: int, history: History) -> Finding:
    key = identity(output.key)
    between = any(output.at_s is not None and fault.began_s <= output.at_s for fault in history.faults)
    origin = f"{Origin.JOB} sent them in this order" + (", after a fault" if between else "")
    return Finding(
        f"output out of order: for key {key}, the output of input {output.input} came after that of input {before}: "
        f"{origin}",
        _PATH,
        f"input {output.input} before input {before}",
        output.value,
        key=output.key,
    )
