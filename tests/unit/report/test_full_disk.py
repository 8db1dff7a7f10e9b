"""A report that cannot be written: one clear error, and no lost verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from pytest_flink_agents.gate import ItemResult, Outcome, Policy, Verdict
from pytest_flink_agents.gate.verdict import VerdictKind
from pytest_flink_agents.identity import GitState, Identity
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.event_writer import EventWriter
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.json_files import write_json, write_verdict
from pytest_flink_agents.report.junit import write_junit
from pytest_flink_agents.report.summary import write_summary
from pytest_flink_agents.session import GateSession
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Tier

NONE = Redactor({})
Writer = Callable[[Path, Verdict, list[ItemResult]], None]


def _verdict(path: Path, verdict: Verdict, results: list[ItemResult]) -> None:
    policy = Policy()
    write_verdict(path, verdict, policy, identity=Identity(), git=GitState(), started="", finished="", redactor=NONE)


WRITERS: dict[str, Writer] = {
    "verdict.json": _verdict,
    "environment.json": lambda path, verdict, results: write_json(path, {}, NONE),
    "junit.xml": lambda path, verdict, results: write_junit(path, results, started="", redactor=NONE),
    "pull-request.md": lambda path, verdict, results: write_text(path, "text"),
    "summary.md": lambda path, verdict, results: write_summary(path, verdict, {}, NONE),
}


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A file that takes no byte: the kernel's own full disk."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    (tmp_path / "full").symlink_to("/dev/full")
    return tmp_path / "full"


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_names_the_file_and_the_reason(
    name: str, full: Path, verdict: Verdict, results: list[ItemResult]
) -> None:
    with pytest.raises(HostError) as raised:
        WRITERS[name](full, verdict, results)
    (problem,) = raised.value.problems
    assert (problem.code, problem.where, problem.seen) == ("FA422", str(full), "No space left on device")


@pytest.mark.parametrize("late", ["verdict.json", "events.jsonl"])
def test_no_file_states_a_verdict_that_the_full_disk_has_changed(late: str, full: Path, tmp_path: Path) -> None:
    session = GateSession(Settings(root=tmp_path, python_path=(), report_dir=tmp_path / "report"), progress=print)
    (session.folder / late).symlink_to(full)
    session.add_result(ItemResult("n", "n", Outcome.PASSED, tier=Tier.EMBEDDED, flink_version="2.2.1"))
    verdict = session.conclude(0)
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    written = [file for file in session.folder.iterdir() if file.is_file()]
    assert [
        file.name for file in written if '"promote"' in file.read_text().lower() or file.suffix in (".md", ".html")
    ] == []


def test_events_stop_quietly_and_the_error_comes_at_the_end(full: Path) -> None:
    writer = EventWriter(full, NONE)
    writer.write("session_started")
    writer.write("item_finished")
    with pytest.raises(HostError, match="No space left on device"):
        writer.close()
