"""A session of a thousand results: what its report costs."""

from __future__ import annotations

import dataclasses
import time
import tracemalloc
from pathlib import Path

from pytest_flink_agents.gate import ItemResult, Outcome, Policy, Selection, decide
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.files import write_ci_files
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.junit import write_junit
from pytest_flink_agents.report.page import PageFacts, write_page
from pytest_flink_agents.report.stored_run import StoredRun, write_run
from pytest_flink_agents.report.summary import write_summary
from pytest_flink_agents.vocabulary import Tier

TIME = "2026-11-29T21:00:00+00:00"
TIERS = (Tier.LOCAL, Tier.EMBEDDED)
DETAIL = "\n".join(f"{number:4} | the output has another total than the scenario says" for number in range(60))


def many(failed: ItemResult, count: int) -> tuple[ItemResult, ...]:
    """Results of which every fourth is a failure with a page of text."""
    wrong = dataclasses.replace(failed, detail=DETAIL)
    right = dataclasses.replace(failed, outcome=Outcome.PASSED, message="", detail="")
    return tuple(
        dataclasses.replace(right if number % 4 else wrong, node_id=f"s.yaml::n{number}", name=f"scenario {number}")
        for number in range(count)
    )


def write_all(folder: Path, results: tuple[ItemResult, ...]) -> None:
    redactor = Redactor({"API_KEY": "hunter2hunter2", "DB_PASSWORD": "correct horse"})
    verdict = decide(results, Policy("default", TIERS), 1)
    write_run(folder, StoredRun(results, Selection(), TIERS, (), 1), redactor)
    write_junit(folder / "junit.xml", results, started=TIME, redactor=redactor)
    write_summary(folder / "summary.md", verdict, {}, redactor)
    write_page(folder / "report.html", PageFacts(verdict, {}, TIME), redactor)
    write_ci_files(folder, verdict, {}, CiServer(), started=TIME, finished=TIME, commit="", redactor=redactor)


def test_a_thousand_results_take_five_seconds_and_300_mebibytes(tmp_path: Path, results: list[ItemResult]) -> None:
    thousand = many(results[1], 1_000)
    began = time.process_time()
    write_all(tmp_path, thousand)
    assert time.process_time() - began < 5
    tracemalloc.start()
    try:
        write_all(tmp_path, thousand[:100])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What a tenth of the results takes, since tracing makes the writers ten times as slow.
    assert peak * 10 < 300 * 2**20
    assert (tmp_path / "junit.xml").stat().st_size < 3_000_000
