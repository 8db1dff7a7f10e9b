"""The table of options and ini values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

ALLOWED_ENV = "flink_scenario_env"
PLAIN_ENV = "flink_plain_env"
ALLOWED_PACKAGES = "flink_allowed_packages"
REQUIREMENT_KINDS = "flink_requirement_kinds"
REQUIREMENTS = "flink_requirements"
MODEL_PRICES = "flink_model_prices"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its command line flag, its help, and the arguments that argparse needs for it.

    ``const`` is the value of a flag that takes none. A flag has no optional value: argparse would take a path behind it
    for one.
    """

    flag: str
    help: str
    metavar: str | None = None
    action: str = "store"
    const: str | None = None

    @property
    def name(self) -> str:
        """The ini name, and argparse's destination."""
        return self.flag.lstrip("-").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "FLINK_AGENTS_TEST_" + self.name.upper()


OPTIONS = (
    Option("--flink-version", "Flink versions to run on, comma-separated: 2.2 or 2.2.1 (default: 2.2)", "VERSIONS"),
    Option(
        "--flink-tier",
        "tier to run on: local, embedded, container, remote, or auto for local and one with Flink (repeatable; default: auto)",
        "TIER",
        "append",
    ),
    Option("--flink-rest-url", "REST address of the remote tier's cluster: http(s)://HOST:PORT", "URL"),
    Option(
        "--flink-engine",
        "engine that executes agents on Flink: bundled, upstream (flink-agents' own jars) or auto (default: auto)",
        "ENGINE",
    ),
    Option(
        "--flink-agents",
        "flink-agents to test with: a version, or the path of a wheel or sdist (default: 0.3.1)",
        "WHICH",
    ),
    Option("--flink-job-python", "interpreter whose environment is used, unchanged, as the job environment", "PYTHON"),
    Option("--flink-image", "image for Flink containers, used unchanged (default: one built for the job)", "REF"),
    Option(
        "--flink-base-image", "base of the image that is built (default: python:3.X-slim-bookworm, X as here)", "REF"
    ),
    Option("--kafka-image", "image for Kafka containers (default: one built from Kafka's jars)", "REF"),
    Option("--flink-parallelism", "parallelism of submitted jobs (default: 1)", "N"),
    Option(
        "--flink-conf-dir",
        "directory with the config.yaml that will be deployed, for scenarios that name no config_file",
        "DIR",
    ),
    Option("--flink-startup-timeout", "seconds until a cluster must be ready (default: 60)", "S"),
    Option("--kafka-bootstrap", "existing Kafka to use; only topics of this session are deleted", "HOST:PORT"),
    Option("--kafka-properties", "TLS and SASL settings for --kafka-bootstrap, in librdkafka's names", "FILE"),
    Option("--flink-keep", "leave clusters and Kafka running: never, on-failure or always (default: never)", "WHEN"),
    Option("--flink-reuse", "use an equal cluster that --flink-keep left running", action="store_const", const="yes"),
    Option(
        "--flink-rest-auth",
        "let only this user reach the REST API of embedded clusters (mutual TLS; needs openssl): on, off or auto for on if "
        "CI is set or the machine has other users (default: auto)",
        "WHEN",
    ),
    Option(
        "--flink-gate",
        "judge the session: exit 0 for promote, 1 for block, 10 for inconclusive",
        action="store_const",
        const="yes",
    ),
    Option(
        "--flink-policy",
        "policy file that the verdict is made by (default: flink-agents-policy.yaml, if it exists)",
        "PATH",
    ),
    Option(
        "--flink-baseline",
        "run folder of an earlier session, or its report.json, whose figures are shown beside those of this one",
        "RUN",
    ),
    Option("--flink-profile", "profile of the policy file (default: the one that the file names)", "NAME"),
    Option(
        "--flink-debug",
        "let breakpoint() in an agent on the local tier open pdb in this terminal, with an hour for each run",
        action="store_const",
        const="yes",
    ),
    Option(
        "--flink-always-replay",
        "replay the inputs of every scenario on the local and the embedded tier from all points at which its process could die",
        action="store_const",
        const="yes",
    ),
    Option(
        "--flink-compare-tiers",
        "show the runs of each scenario on several tiers beside each other: their outputs, tool calls, effects and events",
        action="store_const",
        const="yes",
    ),
    Option(
        "--llm-mode",
        "where the answers of models come from that are not scripted: replay, record or live (default: what each scenario "
        "says)",
        "MODE",
    ),
    Option("--llm-cassette-dir", "directory of the cassettes (default: beside each scenario's file)", "DIR"),
    Option(
        "--llm-overwrite",
        "let --llm-mode=record write over cassettes that exist",
        action="store_const",
        const="yes",
    ),
    Option("--flink-report-dir", "directory for reports (default: flink-agents-report)", "DIR"),
    Option(
        "--flink-otel",
        "export the session as OpenTelemetry traces: to a file of OTLP JSON, or to the URL of a collector (needs the extra otel)",
        "FILE|URL",
    ),
    Option("--flink-report-runs", "number of run folders kept in the report directory (default: 20)", "N"),
    Option(
        "--flink-shard",
        "run one of several parts of all items, such as 1/4; flink-agents-gate merge joins their reports",
        "I/N",
    ),
    Option(
        "--flink-sign-key",
        "private key that signs the report: a PEM file (ed25519 or ECDSA P-256), or env:NAME for one in a variable; needs "
        "the extra sign",
        "KEY",
    ),
    Option("--scenario-seed", "seed for the order of keys in local runs, or random", "SEED"),
    Option("--scenario-runs", "number of runs of each local scenario, each with its own seed (default: 1)", "N"),
)
_LISTS = {
    ALLOWED_ENV: "environment variables that scenarios may use as ${env.NAME}; their values are masked in reports",
    PLAIN_ENV: "environment variables whose values reports may show",
    ALLOWED_PACKAGES: "packages outside the project whose agents, functions and classes scenarios may name",
    REQUIREMENT_KINDS: "kinds of requirements that scenarios may use besides plain ones: "
    "url, vcs, editable, file, index, path",
}
_REQUIREMENTS_HELP = (
    "requirements of every job environment, one on a line: project (the dependencies in pyproject.toml), extra:NAME, "
    "group:NAME, -r FILE, or a requirement such as pandas==2.2.3"
)
_PRICES_HELP = (
    "prices of models for `expect: {cost: ...}`, one on a line: MODEL = PROMPT COMPLETION, each for a million tokens"
)


def add_options(parser: pytest.Parser) -> None:
    """Declare each option and its ini value.

    Defaults are None, so that a lower source can be asked.
    """
    group = parser.getgroup("flink agents")
    for option in OPTIONS:
        extra: dict[str, Any] = {"const": option.const} if option.const else {"metavar": option.metavar}
        group.addoption(option.flag, action=option.action, default=None, help=option.help, dest=option.name, **extra)
        parser.addini(option.name, f"{option.help} (see {option.flag})", default=None)
    for name, text in _LISTS.items():
        parser.addini(name, text, type="args", default=[])
    parser.addini(REQUIREMENTS, _REQUIREMENTS_HELP, type="linelist", default=[])
    parser.addini(MODEL_PRICES, _PRICES_HELP, type="linelist", default=[])
