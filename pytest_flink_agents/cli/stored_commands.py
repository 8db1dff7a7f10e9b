"""The commands of ``flink-agents-gate`` about sessions that have ended: they read run folders, and run nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

_RUN = "its run folder, such as flink-agents-report/latest"


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], tuple[int, str]],
    text: str,
) -> argparse.ArgumentParser:
    """Add a command, and return its parser; ``run`` returns the exit code and the text to print."""
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.set_defaults(run=run, refuse=command.error)
    return command


def add_stored_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that read run folders."""
    command = add_command(commands, "judge", _judge, "decide on a finished session by a policy; runs nothing")
    command.add_argument("folder", type=Path, metavar="RUN", help=_RUN)
    _add_conditions(command)
    command.add_argument("--key", type=Path, metavar="FILE", help="refuse a report that this public key did not sign")
    command.add_argument("--json", action="store_true", help="print the verdict as JSON")
    command = add_command(commands, "merge", _merge, "join the reports of all shards into one report and verdict")
    command.add_argument("folders", nargs="+", type=Path, metavar="RUN", help="the run folder of each --flink-shard")
    command.add_argument("-o", "--out", required=True, type=Path, metavar="DIR", help="the new run folder")
    _add_conditions(command)
    command.add_argument("--key", type=Path, metavar="FILE", help="the public key that must have signed each report")
    command.add_argument("--sign-key", default="", metavar="KEY", help="sign the new report, as --flink-sign-key does")
    command.add_argument("--json", action="store_true", help="print the verdict as JSON")
    text = "show what changed between two sessions: 0 if nothing did, 1 if it did"
    command = add_command(commands, "diff", _diff, text)
    command.add_argument("before", type=Path, metavar="RUN", help="the run folder of the earlier session")
    command.add_argument("after", type=Path, metavar="RUN", help="the run folder of the later session")
    command.add_argument("--json", action="store_true", help="print the changes as JSON")
    command = add_command(commands, "trend", _trend, "show the history of the sessions in a directory of reports")
    command.add_argument("directory", type=Path, metavar="DIR", help="such as flink-agents-report")
    command.add_argument("--html", type=Path, metavar="FILE", help="also draw it on a page")
    command.add_argument("--json", action="store_true", help="print the history as JSON")
    text = "sign a report outside of its session: 0 signed, 1 refused, 10 unclear"
    command = add_command(commands, "attest", _attest, text)
    command.add_argument("folder", type=Path, metavar="RUN", help=_RUN)
    command.add_argument("--key", required=True, metavar="KEY", help="the private key: a PEM file, or env:NAME")
    text = "the project that was tested, whose files are compared (default: .)"
    command.add_argument("--project", type=Path, default=Path(), metavar="DIR", help=text)
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    text = "compare a report with its attestation: 0 as attested, 1 not, 10 unclear"
    command = add_command(commands, "verify", _verify, text)
    command.add_argument("folder", type=Path, metavar="RUN", help=_RUN)
    command.add_argument("--key", type=Path, metavar="FILE", help="the public key that must have signed it, in PEM")
    text = "also compare the files of the project that was tested"
    command.add_argument("--project", type=Path, metavar="DIR", help=text)
    command.add_argument("--json", action="store_true", help="print the answer as JSON")


def _add_conditions(command: argparse.ArgumentParser) -> None:
    command.add_argument("--policy", type=Path, metavar="PATH", help="default: flink-agents-policy.yaml, if it is here")
    command.add_argument("--profile", default="", metavar="NAME", help="default: the one that the policy names")
    command.add_argument("--baseline", type=Path, metavar="RUN", help="stored session to compare its figures with")


def _judge(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.judge import Conditions, judge

    conditions = Conditions(chosen.policy, chosen.profile, chosen.baseline, chosen.key)
    return judge(chosen.folder, conditions, as_json=chosen.json)


def _merge(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.judge import Conditions
    from pytest_flink_agents.cli.merge import Output, merge

    conditions = Conditions(chosen.policy, chosen.profile, chosen.baseline, chosen.key)
    return merge(chosen.folders, conditions, Output(chosen.out, chosen.sign_key, chosen.json))


def _diff(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.diff import diff

    return diff(chosen.before, chosen.after, as_json=chosen.json)


def _trend(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.trend import trend

    return trend(chosen.directory, chosen.html, as_json=chosen.json)


def _verify(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.verify import verify

    return verify(chosen.folder, chosen.key, chosen.project, as_json=chosen.json)


def _attest(chosen: argparse.Namespace) -> tuple[int, str]:
    from pytest_flink_agents.cli.verify import attest

    return attest(chosen.folder, chosen.key, chosen.project, as_json=chosen.json)
