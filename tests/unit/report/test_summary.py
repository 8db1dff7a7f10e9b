"""summary.md and the terminal: what people read first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pytest_flink_agents.gate import ItemResult, Outcome, Policy, Verdict, decide
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.covered import not_covered
from pytest_flink_agents.report.summary import write_summary
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.vocabulary import Promise, Standing, Tier

FLINK = Policy("default", (Tier.EMBEDDED,))


def _summary(path: Path, verdict: Verdict, results: list[ItemResult]) -> str:
    judged = dataclasses.replace(verdict, results=tuple(results))
    write_summary(path / "summary.md", judged, {"python": "3.11", "java": ""}, Redactor({}))
    return (path / "summary.md").read_text(encoding="utf-8")


def test_the_summary_has_verdict_reasons_table_and_failures(
    tmp_path: Path, results: list[ItemResult], verdict: Verdict
) -> None:
    assert _summary(tmp_path, verdict, results) == SUMMARY


def test_no_text_ends_its_code_block(tmp_path: Path, results: list[ItemResult]) -> None:
    failed = dataclasses.replace(results[1], detail="a\n```\n# PROMOTE\n````\nb")
    page = _summary(tmp_path, decide([failed], FLINK), [failed])
    assert "`````text\na\n```\n# PROMOTE\n````\nb\n`````\n" in page


def test_a_bar_in_a_name_adds_no_cell(tmp_path: Path) -> None:
    result = ItemResult("n", "a | b", Outcome.PASSED, tier=Tier.EMBEDDED, flink_version="2.2.1")
    page = _summary(tmp_path, decide([result], FLINK), [result])
    assert "| a &#124; b | passed 0.0 s |" in page


def test_promises_have_a_row_for_each_run_with_faults_and_a_reason_if_one_was_not_kept(tmp_path: Path) -> None:
    kept, broken = Promise("outputs", Standing.KEPT), Promise("live again", Standing.BROKEN, "it | does not recover")
    unasked = Promise("actions", Standing.NOT_PROMISED, "no store")
    quiet = ItemResult("m", "no fault", Outcome.PASSED, Tier.EMBEDDED, "1.20.3", "upstream")
    with_faults = dataclasses.replace(quiet, name="a kill", promises=(kept, unasked, broken))
    page = _summary(tmp_path, decide([with_faults], FLINK), [with_faults, quiet])
    assert PROMISES in page


def test_only_twenty_failures_are_shown_in_full(tmp_path: Path, results: list[ItemResult]) -> None:
    failures = [
        dataclasses.replace(results[1], node_id=f"s.yaml::n{number}", detail="x" * 500) for number in range(200)
    ]
    page = _summary(tmp_path, decide(failures, FLINK), failures)
    assert page.count("x" * 500) == 20
    assert "## 180 more" in page
    assert "\n- s.yaml::n199: output 1 is not as expected" in page
    assert len(page.encode()) < 1_000_000


def test_a_promote_is_three_lines() -> None:
    results = [ItemResult("n", "n", Outcome.PASSED, tier=Tier.EMBEDDED, flink_version="2.2.1")]
    assert verdict_lines(decide(results, FLINK), "r/summary.md", Redactor({})) == [
        ("PROMOTE  1 scenario on embedded-2.2.1: 1 passed", {"green": True, "bold": True}),
        ("  not covered: tiers local, container, remote", {}),
        ("  report: r/summary.md", {}),
    ]


def test_a_block_shows_its_reasons_and_a_command(results: list[ItemResult]) -> None:
    lines = verdict_lines(decide(results[:2], FLINK), "r", Redactor({}))
    assert lines == [
        (
            "BLOCK  1 scenario on local-2.2.1, embedded-2.2.1, engine bundled: 1 passed, 1 failed",
            {"red": True, "bold": True},
        ),
        ("  block: scenarios: s.yaml::refund[embedded-2.2]: output 1 is not as expected", {"red": True}),
        ("  not covered: tiers container, remote; engine upstream", {}),
        ("  again:  pytest 's.yaml::refund[embedded-2.2]'", {}),
        ("  report: r", {}),
    ]


def test_a_session_without_results_is_shown_in_yellow() -> None:
    lines = verdict_lines(decide([], FLINK), "r", Redactor({}))
    assert lines[0] == ("INCONCLUSIVE  nothing ran", {"yellow": True, "bold": True})
    assert "no scenario ran" in lines[1][0]


def test_what_did_not_run_is_not_covered() -> None:
    upstream = ItemResult("n", "n", Outcome.PASSED, Tier.REMOTE, "2.2.1", "upstream")
    unstarted = ItemResult("m", "n", Outcome.NOT_RUN, Tier.CONTAINER, "2.2.1")
    assert not_covered([upstream, unstarted]) == "tiers local, embedded, container; engine bundled"
    everywhere = [ItemResult("n", "n", Outcome.PASSED, tier, "2.2.1", "bundled") for tier in Tier]
    assert not_covered([*everywhere, upstream]) == ""
    assert not_covered([unstarted]) == ""


def test_many_reasons_are_cut_and_counted(results: list[ItemResult]) -> None:
    failures = [dataclasses.replace(results[1], node_id=f"n{number}", message="a\nb") for number in range(30)]
    texts = [text for text, _ in verdict_lines(decide(failures, FLINK), "r", Redactor({}))]
    assert sum(text.startswith("  block:") for text in texts) == 12
    assert "  ... and 18 more reasons in the report" in texts
    assert not any("\n" in text for text in texts)


def test_an_exit_code_other_than_the_verdicts_is_explained() -> None:
    results = [ItemResult("n", "n", Outcome.SKIPPED, tier=Tier.EMBEDDED)]
    verdict = decide(results, FLINK)
    with_gate = verdict_lines(verdict, "r", Redactor({}))
    without = verdict_lines(verdict, "r", Redactor({}), pytest_exit=0)
    assert without == [*with_gate, ("  exit code 0 is pytest's own; --flink-gate makes it 10", {"yellow": True})]
    assert verdict_lines(verdict, "r", Redactor({}), pytest_exit=4) == with_gate


def test_a_secret_is_masked_before_a_line_is_cut(results: list[ItemResult]) -> None:
    for padding in range(120, 200):
        failed = dataclasses.replace(results[1], node_id="n", message="m" * padding + "hunter2hunter2" + "n" * 100)
        lines = verdict_lines(decide([failed], FLINK), "r", Redactor({"API_KEY": "hunter2hunter2"}))
        assert not any("hunt" in text for text, _ in lines)


PROMISES = """
## Promises under faults

| scenario | outputs | actions | live again |
|---|---|---|---|
| a kill (embedded-1.20.3, upstream) | kept | not promised | **broken** |

- a kill (embedded-1.20.3, upstream): live again broken: it &#124; does not recover
"""
SUMMARY = """\
# BLOCK

2 passed, 1 failed, 2 skipped, 1 waived, 2 not run

## Why

- block, scenarios: s.yaml::refund[embedded-2.2]: output 1 is not as expected
- inconclusive, could not judge: s.yaml::slow[local-2.2]: cut short
- inconclusive, could not run: s.yaml::slow[embedded-2.2]: FA401: no cluster
- inconclusive, skipped: s.yaml::later[local-2.2]: by hand

## Scenarios

| scenario | requirement | owner | local-2.2.1 | embedded-2.2.1 |
|---|---|---|---|---|
| refund | REQ-17 |  | passed 1.2 s | **failed** 1.2 s |
| slow |  |  | unknown 1.2 s | not run 1.2 s |
| later |  |  | skipped 1.2 s | - 1.2 s |
| known |  | payments | fails as known 1.2 s |  |

## s.yaml::refund[embedded-2.2]

output 1 is not as expected

```text
s.yaml:9: outputs
    expected: 1
    seen:     2
```

Requirement: REQ-17

Evidence: `artifacts/refund/1`

Again: `pytest 's.yaml::refund[embedded-2.2]'`

## s.yaml::slow[local-2.2]

cut short

```text
cut short: detail
```

## s.yaml::slow[embedded-2.2]

FA401: no cluster

```text
FA401: no cluster
```

## Ran on

- python: 3.11
"""
