"""Every error code of the project, for ``flink-agents-gate explain``."""

from __future__ import annotations

from pytest_flink_agents.codes.environment import CODES as MACHINE_CODES
from pytest_flink_agents.codes.lint import CODES as LINT_CODES
from pytest_flink_agents.codes.scenario import CODES as SCENARIO_CODES

_OWN: dict[str, tuple[str, str]] = {
    "FA220": (
        "the agent cannot be built",
        "The scenario's agent was found wanting before anything ran: its module, its class, or a resource it names. The "
        "message says what was expected; imports happen inside the job environment, with the project root first.",
    ),
    "FA501": ("our own bug", "Please report it with the text below the message; nothing is known of the scenario."),
    "FA503": (
        "something was left",
        "Each line says what outlived the session and who started it: our own bug, or a test that started something with "
        "this package and did not end it. Processes end with pytest; for the rest there is flink-agents-gate sweep.",
    ),
    "FA502": ("a check crashed", "Our own bug. The run counts as unknown, never as passed. Please report it."),
}


def explain(code: str) -> str | None:
    """Title and explanation of one code, None for a code that does not exist."""
    known = all_codes().get(code.upper())
    return f"{code.upper()}: {known[0]}\n\n{known[1]}" if known else None


def all_codes() -> dict[str, tuple[str, str]]:
    """Code -> title and explanation."""
    scenario = {code: (entry[0], entry[1]) for code, entry in SCENARIO_CODES.items()}
    return dict(sorted((scenario | MACHINE_CODES | LINT_CODES | _OWN).items()))
