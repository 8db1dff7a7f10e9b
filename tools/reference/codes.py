"""The page of error codes, from the one table that ``flink-agents-gate explain`` reads."""

from __future__ import annotations

from pytest_flink_agents.codes import environment, harness, job, lint, policy, scenario, services
from pytest_flink_agents.codes.entry import ErrorCode
from pytest_flink_agents.codes.table import TABLES, all_codes
from tools.reference.markdown import code, page, table

_TITLES = {
    id(scenario.CODES): "Scenario files",
    id(job.CODES): "Jobs",
    id(policy.CODES): "Policies",
    id(environment.CODES): "Environment",
    id(services.CODES): "Flink, Kafka and containers",
    id(lint.CODES): "Configuration lint",
    id(harness.CODES): "This project",
}


def codes_page() -> str:
    """Return the page."""
    parts = [
        "Every error has a code. `flink-agents-gate explain CODE` prints the same text. The fault of an error states who can "
        "repair it: the scenario's or the policy's author, the job, the environment or this project.",
        table(
            ("code", "meaning", "fault"),
            [(f"[{name}](#{name.lower()})", entry.title, entry.fault.value) for name, entry in all_codes().items()],
        ),
    ]
    for codes in TABLES:
        parts.append(f"## {_TITLES[id(codes)]}")
        for name, entry in sorted(codes.items()):
            parts += _entry(name, entry)
    return page("Error codes", *parts)


def _entry(name: str, entry: ErrorCode) -> list[str]:
    parts = [
        f"### {name}: {entry.title} {{#{name.lower()}}}",
        entry.explanation,
        f"**Fault of:** {entry.fault.value}. **Next step:** {entry.next_step}",
    ]
    return parts + ([f"**Example:** {code(entry.example)}"] if entry.example else [])
