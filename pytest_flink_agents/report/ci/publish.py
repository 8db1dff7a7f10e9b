"""Show a finished report elsewhere: on the page of a CI run, and in a system for traces."""

from __future__ import annotations

from pathlib import Path

from pytest_flink_agents.report.ci.files import PULL_REQUEST
from pytest_flink_agents.report.ci.github import append_step_summary

_EXPORT_S = 10.0


def publish(folder: Path, step_summary: Path | None, destination: str | None) -> list[str]:
    """Append a run folder to the summary of a step, and export it to a destination for traces, as far as given.

    Returns a line for each that was not possible: a problem never changes the verdict.
    """
    problems = [show_step_summary(folder, step_summary)] if step_summary else []
    problems += [export_traces(folder, destination)] if destination else []
    return [problem for problem in problems if problem]


def show_step_summary(folder: Path, step_summary: Path) -> str:
    """Append the summary of a run folder to the summary of a step; the shorter text if that would be too long.

    Returns a line that says why nothing was appended, empty if something was.
    """
    try:
        texts = [(folder / name).read_text(encoding="utf-8") for name in ("summary.md", PULL_REQUEST)]
        if append_step_summary(step_summary, texts):
            return ""
    except OSError as error:
        return f"no summary of the step: {error.strerror}: {error.filename}"
    return "no summary of the step: other commands have used up its mebibyte"


def export_traces(folder: Path, destination: str) -> str:
    """Export a run folder to OpenTelemetry.

    Returns a line that says why it was not exported, empty if it was.
    """
    # Imported here: the package opentelemetry comes with an extra.
    from pytest_flink_agents.report.otel.export import export_session

    try:
        problem = export_session(folder, destination, timeout_s=_EXPORT_S)
    except Exception as error:  # an error of another library must not change the verdict
        problem = f"{destination}: {type(error).__name__}: {error}"
    return f"no traces: {problem}" if problem else ""
