"""Generate the page of the policy language: every word with its type, default, meaning and a valid example."""

from __future__ import annotations

from pathlib import Path

from pytest_flink_agents.policy.model import PolicyFile
from pytest_flink_agents.policy.schema import policy_schema
from pytest_flink_agents.scenario.document import parse
from tools.reference.markdown import page
from tools.reference.scenario import language_parts, sections_of_language

WORDS = Path(__file__).with_name("words.policy.yaml")


def policy_page() -> str:
    """Return the page."""
    examples = [document.value for document in parse(WORDS.read_bytes(), WORDS.name)[0]]
    return page(
        "Policy language",
        "A policy is one YAML document, `flink-agents-policy.yaml`. `flink-agents-gate schema policy` prints the JSON Schema "
        "that this page is made of; [Set the rules of promotion](../how-to/policy.md) shows how the words work together. "
        "A duration is a number with its unit: `500ms`, `2s` or `1m`.",
        *language_parts(sections_of_language(PolicyFile, policy_schema()), examples),
    )
