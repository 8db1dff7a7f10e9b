"""The command line: ``explain`` codes, print the ``schema``, ``list`` scenarios, ``lint`` configurations, ``doctor``, ``sweep``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for a problem in what was looked at, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="flink-agents-gate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    explaining = commands.add_parser("explain", help="say what an error code means and what to do")
    explaining.add_argument("code", nargs="?", help="a code such as FA202; left out: all of them")
    commands.add_parser("schema", help="print the JSON schema of scenario files, for editors")
    listing = commands.add_parser("list", help="list the scenarios below a directory, and what is wrong with them")
    listing.add_argument("directory", nargs="?", type=Path, default=Path())
    looking = commands.add_parser("doctor", help="say what a run needs that this machine lacks; changes nothing")
    looking.add_argument("--flink-version", default="2.2", metavar="VERSIONS", help="comma separated (default: 2.2)")
    looking.add_argument("--job-python", type=Path, metavar="PYTHON", help="look at this interpreter's environment")
    looking.add_argument("--json", action="store_true", help="print the checks as JSON")
    linting = commands.add_parser("lint", help="say what flink-agents would ignore or misread in a Flink configuration")
    linting.add_argument("configuration", type=Path, metavar="CONFIG.yaml")
    linting.add_argument("--json", action="store_true", help="print the findings as JSON")
    sweeping = commands.add_parser(
        "sweep", help="remove what sessions left that were killed; nothing of anybody else's"
    )
    sweeping.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    sweeping.add_argument(
        "--kept", action="store_true", help="also end clusters and brokers that --flink-keep has left"
    )
    sweeping.add_argument("--json", action="store_true", help="print what is left as JSON")
    sweeping.add_argument("--flink-rest-url", default="", metavar="URL", help="also jobs of dead runs on this cluster")
    sweeping.add_argument("--kafka-bootstrap", default="", metavar="HOST:PORT", help="also topics of dead runs there")
    chosen = parser.parse_args(arguments)
    if chosen.command == "explain":
        return _explain(chosen.code)
    if chosen.command == "schema":
        return _schema()
    if chosen.command == "doctor":
        return _doctor(chosen.flink_version, chosen.job_python, as_json=chosen.json)
    if chosen.command == "lint":
        return _lint(chosen.configuration, as_json=chosen.json)
    if chosen.command == "sweep":
        return _sweep(chosen)
    return _list(chosen.directory)


def _explain(code: str | None) -> int:
    from flink_testbed.core.problem import nearest
    from pytest_flink_agents.codes.table import all_codes, explain

    if code is None:
        _say("\n".join(f"{known}  {entry.title}" for known, entry in all_codes().items()))
        return 0
    text = explain(code)
    if text is None:
        near = nearest(code.upper(), all_codes())
        _say(f"there is no code {code}" + (f"; did you mean {near}?" if near else ""), error=True)
        return 2
    _say(text)
    return 0


def _schema() -> int:
    from pytest_flink_agents.scenario.schema import json_schema

    _say(json.dumps(json_schema(), indent=2))
    return 0


def _list(directory: Path) -> int:
    from pytest_flink_agents.scenario.boundary.project import Project
    from pytest_flink_agents.scenario.load import load_files

    files = sorted(path for pattern in ("*.scenario.yaml", "*.scenario.yml") for path in directory.rglob(pattern))
    loaded, problems = load_files(files, Project(directory))
    for scenario in loaded:
        _say(f"{scenario.document.file}::{scenario.scenario.name}")
    warnings = [warning for scenario in loaded for warning in scenario.warnings]
    for problem in [*warnings, *problems]:
        _say(problem.render(), error=True)
    return 1 if problems else 0


def _doctor(flink_versions: str, job_python: Path | None, *, as_json: bool) -> int:
    from flink_testbed.core.problem import HostError
    from pytest_flink_agents.cli.doctor.command import doctor

    try:
        code, text = doctor(flink_versions, job_python, as_json=as_json)
    except HostError as error:
        _say(str(error), error=True)
        return 2
    _say(text)
    return code


def _lint(configuration: Path, *, as_json: bool) -> int:
    from flink_testbed.core.problem import HostError
    from pytest_flink_agents.cli.lint.command import lint

    try:
        code, text = lint(configuration, as_json=as_json)
    except HostError as error:
        _say(str(error), error=True)
        return 2
    _say(text)
    return code


def _sweep(chosen: argparse.Namespace) -> int:
    from flink_testbed.core.problem import HostError
    from pytest_flink_agents.cli.sweep.command import sweep

    try:
        code, text = sweep(
            dry_run=chosen.dry_run,
            as_json=chosen.json,
            rest_url=chosen.flink_rest_url,
            bootstrap=chosen.kafka_bootstrap,
            kept=chosen.kept,
        )
    except HostError as error:
        _say(str(error), error=True)
        return 2
    _say(text)
    return code


def _say(text: str, *, error: bool = False) -> None:
    (sys.stderr if error else sys.stdout).write(text + "\n")
