"""The command line ``flink-agents-gate``: look at files and at this machine, explain codes, remove leftovers."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pytest_flink_agents.cli.export.arguments import add_export
from pytest_flink_agents.cli.stored_commands import add_command, add_stored_commands
from pytest_flink_agents.version import __version__

# The options of pytest that decide what a session needs.
_PREPARE_OPTIONS = {
    "--flink-version": "VERSIONS",
    "--flink-tier": "TIER",
    "--flink-agents": "WHICH",
    "--flink-image": "REF",
    "--flink-base-image": "REF",
    "--kafka-image": "REF",
}

# The options of pytest that decide which release creates a plan.
_PLAN_OPTIONS = {
    "--flink-version": "VERSION",
    "--flink-agents": "WHICH",
    "--flink-job-python": "PYTHON",
}

# Entries of the cache that were not used for longer are removed.
_UNUSED_DAYS = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0 is success, 1 a problem in the examined object, 2 wrong usage. ``judge`` and ``merge`` have those of the gate:
    0, 1 and 10; ``verify`` and ``attest`` the same ones for done, refused and unknown; ``diff`` has 1 for a difference.
    """
    from flink_testbed.core.problem import ProblemError

    chosen = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], tuple[int, str]] = chosen.run
    try:
        code, text = run(chosen)
    except ProblemError as error:
        _say(str(error), error=True)
        return 2
    _say(text, error=code == 2)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flink-agents-gate", description=__doc__)
    parser.add_argument("--version", action="version", version=f"pytest-flink-agents {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    command = add_command(commands, "explain", _explain, "print the meaning of an error code and what to do")
    command.add_argument("code", nargs="?", help="a code such as FA202; without one, all codes are listed")
    command = add_command(commands, "schema", _schema, "print the JSON schema of a language's files, for editors")
    command.add_argument("language", nargs="?", default="scenario", choices=["scenario", "policy"])
    command = add_command(
        commands, "init", _init, "write a file to begin with: an example policy, or that of a CI server"
    )
    command.add_argument("what", choices=["policy", "ci"], help="flink-agents-policy.yaml, or the file of a CI server")
    command.add_argument("server", nargs="?", choices=["github", "gitlab", "jenkins"], help="the CI server, for ci")
    command.add_argument(
        "--output", type=Path, metavar="PATH", help="the file to write (default: where it is looked for)"
    )
    command.add_argument("--force", action="store_true", help="replace a file that exists")
    command = add_command(
        commands, "completion", _completion, "print a script that completes this program's words in a shell"
    )
    command.add_argument("shell", choices=["bash", "zsh", "tcsh"])
    command = add_command(commands, "list", _list, "list the scenarios at and below paths")
    command.add_argument("paths", nargs="*", type=Path, default=[Path()], metavar="PATH")
    command = add_command(
        commands, "lint", _lint, "check scenario files and Flink configurations, each by its own rules"
    )
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a directory to search")
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    command = add_command(commands, "compare", _compare, "compare two plans of an agent: what an upgrade loses")
    command.add_argument("baseline", metavar="BASELINE", help="the plan in production: a JSON file, or module:Class")
    command.add_argument("candidate", metavar="CANDIDATE", help="the plan that replaces it")
    _add_pytest_options(command, _PLAN_OPTIONS)
    add_stored_commands(commands)
    add_export(commands)
    _add_plan(commands)
    _add_upkeep(commands)
    return parser


def _add_upkeep(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that prepare and clean this machine."""
    command = add_command(commands, "doctor", _doctor, "check what a run needs on this machine; changes nothing")
    command.add_argument("--flink-version", default="2.2", metavar="VERSIONS", help="comma-separated (default: 2.2)")
    command.add_argument("--job-python", type=Path, metavar="PYTHON", help="check this interpreter's environment")
    command.add_argument("--probe", action="store_true", help="also load pemja, which joins JVM and Python (5 s)")
    command.add_argument("--json", action="store_true", help="print the checks as JSON")
    command = add_command(commands, "prepare", _prepare, "fill the cache, so that later sessions need no network")
    command.add_argument("paths", nargs="*", type=Path, default=[Path()], metavar="PATH", help="scenarios (default: .)")
    _add_pytest_options(command, _PREPARE_OPTIONS)
    command = add_command(commands, "sweep", _sweep, "remove the leftovers of killed sessions, and nothing else")
    command.add_argument("--dry-run", action="store_true", help="only list what would be removed")
    command.add_argument("--kept", action="store_true", help="also end the clusters and brokers left by --flink-keep")
    command.add_argument("--cache", action="store_true", help="also remove cache entries that were not used for long")
    command.add_argument(
        "--older-than", type=_days, metavar="DAYS", help=f"days without use, for --cache (default: {_UNUSED_DAYS})"
    )
    command.add_argument("--json", action="store_true", help="print the leftovers as JSON")
    command.add_argument("--flink-rest-url", default="", metavar="URL", help="also cancel jobs of dead sessions there")
    command.add_argument(
        "--kafka-bootstrap", default="", metavar="HOST:PORT", help="also delete topics of dead sessions there"
    )
    command.add_argument("--kafka-properties", type=Path, metavar="FILE", help="TLS and SASL settings for it")


def _add_pytest_options(command: argparse.ArgumentParser, options: Mapping[str, str]) -> None:
    for flag, metavar in options.items():
        command.add_argument(flag, action="append", default=[], metavar=metavar, help="as for pytest")


def _add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "look at the plan of an agent, and at what would refuse or misread it"
    plan = commands.add_parser("plan", help=text, description=f"{text[0].upper()}{text[1:]}.")
    looks = plan.add_subparsers(dest="look", required=True)
    for name, run, text in (
        ("show", _plan_show, "print actions, events, resources and options of a plan"),
        ("check", _plan_check, "print what readers of a plan refuse or misread"),
    ):
        command = add_command(looks, name, run, text)
        command.add_argument("agent", metavar="AGENT", help="module:Class, or the JSON file of a plan")
        _add_pytest_options(command, _PLAN_OPTIONS)
        command.add_argument("--json", action="store_true", help="print JSON")


def _explain(chosen: argparse.Namespace) -> tuple[int, str]:
    from flink_testbed.core.problem import nearest
    from pytest_flink_agents.codes.table import all_codes, explain

    if chosen.code is None:
        return 0, "\n".join(f"{code}  {entry.title}" for code, entry in all_codes().items())
    text = explain(chosen.code)
    if text is None:
        near = nearest(chosen.code.upper(), all_codes())
        return 2, f"there is no code {chosen.code}" + (f"; did you mean {near}?" if near else "")
    return 0, text


def _schema(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.policy.schema import policy_schema
    from pytest_flink_agents.scenario.schema import json_schema

    return 0, json.dumps(policy_schema() if chosen.language == "policy" else json_schema(), indent=2)


def _init(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.init.command import SERVERS, init

    if (chosen.what == "ci") is not (chosen.server is not None):
        chosen.refuse(f"name the server after ci, and nothing after policy: ci {{{','.join(SERVERS)}}}")
    return init(chosen.server, chosen.output, force=chosen.force)


def _completion(chosen: argparse.Namespace) -> tuple[int, str]:
    try:
        import shtab
    except ImportError:
        return 2, "the package shtab is missing: pip install 'pytest-flink-agents[completion]'"
    return 0, str(shtab.complete(_parser(), chosen.shell))


def _list(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.lint.scenarios import list_scenarios

    return list_scenarios(chosen.paths)


def _lint(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.lint.command import lint

    return lint(chosen.paths, as_json=chosen.json)


def _compare(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.compare import compare

    return compare(chosen.baseline, chosen.candidate, _given(chosen, _PLAN_OPTIONS))


def _plan_show(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.plan import show_plan

    return show_plan(chosen.agent, _given(chosen, _PLAN_OPTIONS), as_json=chosen.json)


def _plan_check(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.plan import check_plan

    return check_plan(chosen.agent, _given(chosen, _PLAN_OPTIONS), as_json=chosen.json)


def _doctor(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.doctor.command import doctor

    return doctor(chosen.flink_version, chosen.job_python, as_json=chosen.json, load_bridge=chosen.probe)


def _prepare(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.prepare import prepare

    return prepare(chosen.paths, _given(chosen, _PREPARE_OPTIONS))


def _given(chosen: argparse.Namespace, flags: Iterable[str]) -> list[str]:
    """Return the options of pytest among the arguments as its command line has them."""
    given = {flag: getattr(chosen, flag.lstrip("-").replace("-", "_")) for flag in flags}
    return [f"{flag}={value}" for flag, values in given.items() for value in values]


def _sweep(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.sweep.command import sweep

    unused_days = _UNUSED_DAYS if chosen.older_than is None else chosen.older_than
    if chosen.older_than is not None and not chosen.cache:
        chosen.refuse("--older-than is the age of unused cache entries, which only --cache removes: add --cache")
    if chosen.kafka_properties and not chosen.kafka_bootstrap:
        chosen.refuse("--kafka-properties needs the address of a broker: add --kafka-bootstrap=HOST:PORT")
    return sweep(
        dry_run=chosen.dry_run,
        as_json=chosen.json,
        rest_url=chosen.flink_rest_url,
        bootstrap=chosen.kafka_bootstrap,
        kafka_properties=chosen.kafka_properties,
        kept=chosen.kept,
        unused_days=unused_days if chosen.cache else None,
    )


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days < math.inf:
        raise ValueError
    return days


def _say(text: str, *, error: bool = False) -> None:
    (sys.stderr if error else sys.stdout).write(text + "\n")
