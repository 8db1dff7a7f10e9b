"""All pages of the reference, and the page that lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tools.reference.agent_options import agent_options_page
from tools.reference.codes import codes_page
from tools.reference.command_line import command_line_page
from tools.reference.examples import examples_page
from tools.reference.markdown import page, table
from tools.reference.matchers import matchers_page
from tools.reference.options import options_page
from tools.reference.policy import policy_page
from tools.reference.report import report_page
from tools.reference.scenario import scenario_page

PAGES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "scenario.md": ("every word of the scenario language, with type, default and example", scenario_page),
    "matchers.md": ("every matching word, with examples that match and that do not", matchers_page),
    "policy.md": ("every word of a policy file, with type, default and example", policy_page),
    "options.md": ("every option, with its environment variable and ini name", options_page),
    "cli.md": ("every command of `flink-agents-gate`", command_line_page),
    "codes.md": ("every error code, with its explanation and next step", codes_page),
    "agent-options.md": ("every option of flink-agents, with type and default", agent_options_page),
    "report.md": ("every file of the report, with its JSON Schema", report_page),
    "examples.md": ("complete scenarios with their agents", examples_page),
}


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    made = {name: make() for name, (_, make) in PAGES.items()}
    rows = [(f"[{_title(made[name])}]({name})", content) for name, (content, _) in PAGES.items()]
    contents = page("Reference", "These pages are generated from the code.", table(("page", "content"), rows))
    return {"index.md": contents, **made}


def _title(text: str) -> str:
    return next(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
