"""The report of a session that ends: written with its attestation, shown elsewhere, or removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.session_report import SessionReport, discard_answers, write_report
from pytest_flink_agents.settings import Settings

if TYPE_CHECKING:
    from pytest_flink_agents.attestation import Signer


def write_attested(
    folder: Path, report: SessionReport, redactor: Redactor, signer: Signer | None, end_events: Callable[[], None]
) -> None:
    """Write the report and then its attestation; ``end_events`` writes the last event and closes their file.

    Raises ``HostError`` FA422 if a file cannot be written.
    """
    # Imported here: sessions that judge nothing write none.
    from pytest_flink_agents.attestation import write_attestation

    write_report(folder, report, redactor)
    end_events()
    # The last one: it has the digests of all others.
    write_attestation(folder, signer)


def discard_report(folder: Path) -> None:
    """Remove every file that states an answer."""
    from pytest_flink_agents.attestation import ATTESTATION_FILE

    discard_answers(folder, ATTESTATION_FILE)


def show_elsewhere(folder: Path, server: CiServer, settings: Settings, redactor: Redactor) -> list[str]:
    """Give the report to the CI server and to a collector of traces; return lines about what did not work."""
    # Imported here: most sessions run on no CI server.
    from pytest_flink_agents.report.ci.publish import publish

    step_summary = server.step_summary if settings.gate else None
    return [redactor.line(line) for line in publish(folder, step_summary, settings.otel)]
