"""The figures of a session beside those of its baseline, in every form of the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.gate import Baseline, Figure, ItemResult, Outcome, Policy, Verdict, decide
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.baseline_table import baseline_table
from pytest_flink_agents.report.page import PageFacts, write_page
from pytest_flink_agents.report.summary import write_summary
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.vocabulary import Tier

NOTHING = Redactor({})


def ran(name: str, **figures: float | None) -> ItemResult:
    known = {word: Figure(value, "" if value is not None else "no metrics") for word, value in figures.items()}
    return ItemResult(f"s::{name}", name, Outcome.PASSED, Tier.EMBEDDED, "2.2.1", figures=known)


def against(before: list[ItemResult], now: list[ItemResult]) -> Verdict:
    return decide(now, Policy(tiers=(Tier.EMBEDDED,), baseline=Baseline("old/report.json", "sha256:0", tuple(before))))


@pytest.fixture
def verdict() -> Verdict:
    before = [ran("a", tokens=100, latency_p95=20, recovery=2), ran("b", tokens=10), ran("c", tokens=None)]
    now = [
        ran("a", tokens=90, latency_p95=30, recovery=None),
        ran("b", tokens=20),
        ran("c", tokens=None),
        ran("d <i>", cost=1),
    ]
    return against(before, now)


def test_the_largest_increases_come_first_and_what_is_not_known_is_its_reason(verdict: Verdict) -> None:
    assert [tuple(row) for row in baseline_table(verdict).rows] == [
        ("s::a", "recovery", "2 s", "no metrics", ""),
        ("s::b", "tokens", "10", "20", "+10 (+100 %)"),
        ("s::a", "latency p95", "20 ms", "30 ms", "+10 ms (+50 %)"),
        ("s::a", "tokens", "100", "90", "-10 (-10 %)"),
        ("s::d <i>", "cost", "the baseline does not have it", "1", ""),
    ]


def test_every_form_of_the_report_has_both_figures(verdict: Verdict, tmp_path: Path) -> None:
    write_summary(tmp_path / "summary.md", verdict, {}, NOTHING)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert (
        "## Compared with a baseline\n\nold/report.json\n\n| scenario | figure | baseline | now | change |" in summary
    )
    assert "| s::a | latency p95 | 20 ms | 30 ms | +10 ms (+50 %) |" in summary
    assert "| s::d &lt;i> | cost | the baseline does not have it | 1 |  |" in summary
    write_page(tmp_path / "report.html", PageFacts(verdict, {}, "now"), NOTHING)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row">s::b</th><td>tokens</td><td>10</td><td>20</td><td>+10 (+100 %)</td>' in page
    assert "s::d &lt;i&gt;" in page
    lines = [text for text, _ in verdict_lines(verdict, "summary.md", NOTHING)]
    assert "  baseline: old/report.json, 5 figures" in lines
    assert "    tokens: 10 -> 20, +10 (+100 %), s::b" in lines


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    items = [ran(f"n{number}", tokens=number) for number in range(200)]
    write_summary(tmp_path / "summary.md", verdict := against(items, items), {}, NOTHING)
    assert "150 more figures are in verdict.json" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert len(verdict_lines(verdict, "summary.md", NOTHING)) < 12


def test_without_a_baseline_nothing_is_shown(tmp_path: Path) -> None:
    verdict = decide([ran("a", tokens=1)], Policy(tiers=(Tier.EMBEDDED,)))
    write_summary(tmp_path / "summary.md", verdict, {}, NOTHING)
    assert "baseline" not in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert not [text for text, _ in verdict_lines(verdict, "summary.md", NOTHING) if "baseline" in text]
