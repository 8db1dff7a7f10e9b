"""The explanation of a failed scenario."""

from __future__ import annotations

from typing import Any

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Event, Evidence, Failure, Output
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.failure_text import failure_text

WHERE = ("s.yaml:9", [(9, '    - {key: "c-1", value: {amount: 20}}')])


def _result(*findings: Finding, check: str = "outputs", validity: Validity = Validity.INVALID) -> CheckResult:
    return CheckResult(check, validity, findings)


def _text(*results: CheckResult, **evidence: Any) -> str:
    count = sum(len(result.findings) for result in results if result.validity is not Validity.VALID)
    run = Evidence(tier="embedded", flink_version="2.2.1", engine="bundled", **evidence)
    again = "pytest 's.yaml::refund[embedded-2.2]'"
    return failure_text(results, run, where=[WHERE] * count, reproduce=again, redactor=Redactor({}))


WRONG = Finding("output 1 is not as expected", ("expect", "outputs", 0), {"amount": 20}, {"amount": 25}, key="c-1")


def test_a_wrong_output_is_explained_from_its_line_to_the_command() -> None:
    events = (
        Event("_input_event", {"input": {"amount": 20}}, key="c-1"),
        Event("_input_event", {"input": {"amount": 1}}, key="c-2"),
        Event("_output_event", {"output": {"amount": 25}, "n": 1}, key="c-1"),
    )
    text = _text(_result(WRONG), events=events, job_id="3f", job_state="FINISHED", ui_url="http://127.0.0.1:1/#/job/3f")
    assert text == EXPECTED


def test_missing_events_are_named_beside_those_that_are_shown() -> None:
    events = (Event("_output_event", {}, key="c-1"),)
    failed = _text(_result(WRONG), events=events, events_unknown="too large", failure=Failure("boom", action="a"))
    assert "events may be missing: too large\n" in failed
    assert "before that: at least 1 outputs" in failed


def test_options_that_the_run_replaced_are_named() -> None:
    note = "conf/config.yaml:3 says 8081: why"
    rows = {
        f"option-{number}": {"value": "1", "source": "the harness", "note": note if number else ""}
        for number in range(8)
    }
    applied = {"heartbeat.timeout": {"value": "9s", "source": "conf/config.yaml:4", "note": "remark"}}
    text = _text(_result(WRONG), flink_config=rows | applied)
    named = "option-1, option-2, option-3, option-4, option-5, ..."
    line = f"options that the run replaced or left out: 7 ({named}); evidence.json has the reasons"
    assert line in text.splitlines()
    assert "replaced" not in _text(_result(WRONG), flink_config=applied)


def test_long_values_are_shown_as_their_difference() -> None:
    expected = {f"field_{number}": number for number in range(40)}
    text = _text(_result(Finding("differs", (), expected, expected | {"field_20": "other"})))
    shown = [line.strip() for line in text.splitlines() if "field_" in line]
    assert shown == [
        '"field_18": 18,',
        '"field_19": 19,',
        '- "field_20": 20,',
        '+ "field_20": "other",',
        '"field_21": 21,',
        '"field_22": 22,',
    ]


def test_long_differences_are_cut_and_say_so() -> None:
    expected = {f"a{number}": "x" * 20 for number in range(200)}
    seen = {f"b{number}": "x" * 20 for number in range(200)}
    text = _text(_result(Finding("differs", (), expected, seen)))
    assert len(text.splitlines()) < 40
    assert "more lines" in text


def test_only_the_first_eight_findings_are_shown_in_full() -> None:
    findings = [Finding(f"finding number {number}", (), 1, 2) for number in range(30)]
    text = _text(_result(*findings))
    assert "finding number 7" in text
    assert "finding number 8" not in text
    assert "... and 22 more findings" in text


def test_valid_checks_are_left_out_and_unknown_ones_say_so() -> None:
    text = _text(
        _result(Finding("a remark"), validity=Validity.VALID),
        _result(Finding("it was cut short"), check="ended", validity=Validity.UNKNOWN),
    )
    assert "a remark" not in text
    assert "ended: cannot be judged: it was cut short" in text


def test_a_jobs_failure_is_shown_with_its_place_and_the_end_of_its_trace() -> None:
    trace = "\n".join(f"frame {number}" for number in range(100))
    failure = Failure("boom", "ValueError", trace, "Refunds", "pay", "c-1", {"amount": 20})
    outputs = (Output("c-2", 1), Output(7, 2), Output("c-2", 3))
    text = _text(_result(Finding("the job failed: boom", key="c-1"), check="failure"), failure=failure, outputs=outputs)
    assert "the job failed: ValueError: boom" in text
    assert "an action that fails, fails the job, as on Flink" in text
    assert 'before that: 3 outputs, of "c-2", 7, kept in evidence.json' in text
    assert '  agent Refunds, action pay, key "c-1", input {"amount": 20}' in text
    assert "    frame 99" in text
    assert "frame 74" not in text


def test_only_the_first_and_last_events_of_the_key_are_shown() -> None:
    events = tuple(Event("_e", {"a": f"mine {number} " + "y " * 200}, key="c-1") for number in range(50))
    events += tuple(Event("_e", {"a": "other"}, key=key) for key in ("c-2", 1, "1"))
    text = _text(_result(WRONG), events=events)
    assert 'what happened to key "c-1" (50 events):' in text
    shown = [number for number in range(50) if f"mine {number} " in text]
    assert shown == [*range(20), *range(40, 50)]
    assert "... 20 more" in text
    assert "other" not in text
    assert max(map(len, text.splitlines())) < 170


def test_a_key_without_events_says_so() -> None:
    text = _text(_result(WRONG), events=(Event("_input_event", {}, key="c-2"),))
    assert 'no event of key "c-1" was logged' in text


def test_a_log_without_keys_is_shown_whole() -> None:
    text = _text(_result(WRONG), events=(Event("_input_event", {"input": 1}),))
    assert "_input_event" in text
    assert "no event" not in text


def test_the_last_lines_of_the_logs_are_shown() -> None:
    text = _text(_result(Finding("not ended")), log_tail="\n".join(f"log line {number}" for number in range(100)))
    assert "end of the logs:" in text
    assert "log line 99" in text
    assert "log line 74" not in text
    assert "logs" not in _text(_result(Finding("not ended")))


def test_a_cut_never_splits_a_word() -> None:
    secret = "hunter2-hunter2-hunter2"
    for padding in range(60, 130):
        words = "m" * (padding // 2) + " " + "m" * (padding - padding // 2) + " " + secret + " more " * 20
        text = _text(_result(WRONG), events=(Event("_e", {"a": words}, key="c-1"),))
        assert "hunt" not in text.replace(secret, "")


EXPECTED = """\
s.yaml:9: output 1 is not as expected
  >    9 |     - {key: "c-1", value: {amount: 20}}
    expected: {"amount": 20}
    seen:     {"amount": 25}

what happened to key "c-1" (2 events):
    1. _input_event                       {"amount": 20}
    2. _output_event                      {"output": {"amount": 25}, "n": 1}

job 3f (FINISHED), while its cluster lives at http://127.0.0.1:1/#/job/3f
again: pytest 's.yaml::refund[embedded-2.2]'"""


def test_a_secret_is_masked_before_its_line_is_cut() -> None:
    secret = "s3cret with blanks in it " * 3
    event = Event("_input_event", {"input": "p" * 90 + secret}, key="c-1")
    finding = Finding("wrong", (), "a", "b", key="c-1")
    text = failure_text(
        [CheckResult("outputs", Validity.INVALID, (finding,))],
        Evidence("local", "2.2.1", "bundled", events=(event,)),
        where=[WHERE],
        reproduce="",
        redactor=Redactor({"A_SECRET": secret}),
    )
    assert "s3cret" not in text
