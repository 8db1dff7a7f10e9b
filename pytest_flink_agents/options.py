"""Command line, environment and ini: each setting three ways, command line first. Imports nothing heavy."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_flink_agents.settings import AUTO_TIERS, AUTO_TIERS_WITH_REMOTE, KEEP, Settings
from pytest_flink_agents.vocabulary import Engine, RequirementKind, Tier

if TYPE_CHECKING:
    from flink_testbed.flink.access import RestAccess


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its command line flag, what it is for, and how argparse should take it."""

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


class Given(NamedTuple):
    """What a user wrote for an option, and where: ``--flink-tier=moon``, a variable, or a line of the ini file."""

    text: str
    place: str


OPTIONS = (
    Option("--flink-version", "Flink versions to run on, comma separated: 2.2 or 2.2.1 (default: 2.2)", "VERSIONS"),
    Option(
        "--flink-tier",
        "where to run: local, embedded, container, remote, or auto for local and one with Flink (repeatable; default: auto)",
        "TIER",
        "append",
    ),
    Option("--flink-rest-url", "the remote tier's cluster: http(s)://HOST:PORT of its REST", "URL"),
    Option(
        "--flink-engine",
        "what executes agents on Flink: bundled, upstream (flink-agents' own jars), or auto (default: auto)",
        "ENGINE",
    ),
    Option(
        "--flink-agents",
        "flink-agents to test with: a version, or a path to a wheel or sdist (default: 0.3.1)",
        "WHICH",
    ),
    Option("--flink-job-python", "use this interpreter's environment as the job environment, as it is", "PYTHON"),
    Option("--flink-image", "what containers run from: this image, as it is, instead of one built for the job", "REF"),
    Option("--flink-base-image", "what an image is built on (default: python:3.X-slim-bookworm, X as here)", "REF"),
    Option(
        "--kafka-image", "a broker's container runs from this image (default: one built of Kafka's own jars)", "REF"
    ),
    Option("--flink-parallelism", "parallelism of submitted jobs (default: 1)", "N"),
    Option("--flink-startup-timeout", "seconds a cluster may take to be ready (default: 60)", "S"),
    Option("--kafka-bootstrap", "use this Kafka instead of starting one; only topics of ours are deleted", "HOST:PORT"),
    Option("--flink-keep", "leave clusters and Kafka running: never, on-failure or always (default: never)", "WHEN"),
    Option("--flink-reuse", "use an equal cluster that --flink-keep has left, where there is one", const="yes"),
    Option("--flink-gate", "decide promote, block or inconclusive, and exit 0, 1 or 10", "PROFILE", const="default"),
    Option("--flink-report-dir", "where run folders are written (default: flink-agents-report)", "DIR"),
    Option("--scenario-seed", "interleave the keys of local runs by this seed, or by a random one", "SEED"),
    Option("--scenario-runs", "run each local scenario so often, with a seed of its own each time (default: 1)", "N"),
)
_ALLOWED_ENV = "flink_scenario_env"
_PLAIN_ENV = "flink_plain_env"
_ALLOWED_PACKAGES = "flink_allowed_packages"
_REQUIREMENT_KINDS = "flink_requirement_kinds"


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and its ini twin. Defaults are None, so that a lower source can speak."""
    group = parser.getgroup("flink agents")
    for option in OPTIONS:
        extra: dict[str, Any] = {"nargs": "?", "const": option.const} if option.const else {}
        group.addoption(
            option.flag,
            action=option.action,
            default=None,
            metavar=option.metavar,
            help=option.help,
            dest=option.name,
            **extra,
        )
        parser.addini(option.name, f"{option.help} (see {option.flag})", default=None)
    parser.addini(
        _ALLOWED_ENV, "names of environment variables that scenarios may use as ${env.NAME}", type="args", default=[]
    )
    parser.addini(
        _PLAIN_ENV, "names of environment variables whose values may be shown: no secrets", type="args", default=[]
    )
    parser.addini(
        _ALLOWED_PACKAGES,
        "packages outside the project whose agents, functions and classes scenarios may name",
        type="args",
        default=[],
    )
    parser.addini(
        _REQUIREMENT_KINDS,
        "kinds of requirements that scenarios may use besides plain ones: url, vcs, editable, file, index, path",
        type="args",
        default=[],
    )


def given(config: pytest.Config, option: Option) -> Given | None:
    """The option's text from the first source that has one: command line, environment, ini."""
    value = config.getoption(option.name, default=None)
    if value:
        text = ",".join(value) if isinstance(value, list) else str(value)
        return Given(text, f"{option.flag}={text}")
    text = os.environ.get(option.variable, "")
    if text:
        return Given(text, f"{option.variable}={text}")
    text = str(config.getini(option.name) or "")
    if text:
        return Given(text, f"{config.inipath.name if config.inipath else 'ini'}: {option.name} = {text}")
    return None


def settings_of(config: pytest.Config) -> Settings:
    """The session's settings. Raises ``pytest.UsageError`` (exit code 4) on a value that makes no sense."""
    found = {option.name: given(config, option) for option in OPTIONS}
    report_dir = found["flink_report_dir"]
    runs = _whole_number(found["scenario_runs"], minimum=1) or 1
    return Settings(
        root=config.rootpath,
        python_path=tuple(Path(entry) for entry in config.getini("pythonpath")),
        flink_versions=_versions(found["flink_version"]),
        tiers=_named_tiers(found["flink_tier"], found["flink_rest_url"]) or _auto_tiers(found["flink_rest_url"]),
        named_tiers=_named_tiers(found["flink_tier"], found["flink_rest_url"]),
        remote=_remote(found["flink_rest_url"]),
        engine=_engine(found["flink_engine"]),
        flink_agents=_flink_agents(found["flink_agents"]),
        job_python=_job_python(found["flink_job_python"]),
        flink_image=_text(found["flink_image"]),
        flink_base_image=_text(found["flink_base_image"]),
        kafka_image=_text(found["kafka_image"]),
        parallelism=_whole_number(found["flink_parallelism"], minimum=1) or 1,
        processes=max(len(getattr(config.option, "tx", None) or ()), 1),
        startup_timeout_s=_seconds(found["flink_startup_timeout"]) or 60.0,
        kafka_bootstrap=_addresses(found["kafka_bootstrap"]),
        keep=_keep(found["flink_keep"]),
        reuse=_yes(found["flink_reuse"]),
        gate=_profile(found["flink_gate"]),
        report_dir=config.rootpath / (report_dir.text if report_dir else "flink-agents-report"),
        scenario_seed=_seed(found["scenario_seed"], runs),
        scenario_runs=runs,
        allowed_env=tuple(config.getini(_ALLOWED_ENV)),
        plain_env=tuple(config.getini(_PLAIN_ENV)),
        allowed_packages=tuple(config.getini(_ALLOWED_PACKAGES)),
        requirement_kinds=_requirement_kinds(config),
    )


def _requirement_kinds(config: pytest.Config) -> tuple[RequirementKind, ...]:
    """Return the kinds of requirements that the ini file allows."""
    known = [kind.value for kind in RequirementKind]
    words = list(config.getini(_REQUIREMENT_KINDS))
    for word in words:
        if word not in known:
            place = f"{config.inipath.name if config.inipath else 'ini'}: {_REQUIREMENT_KINDS} = {' '.join(words)}"
            message = f"unknown kind of requirement {word!r}"
            raise _refused(Given(word, place), message, ", ".join(known), _nearest(word, known))
    return tuple(RequirementKind(word) for word in words)


def _refused(
    value: Given, message: str, expected: str, next_step: str = "", *, code: str = "FA421"
) -> pytest.UsageError:
    from flink_testbed.core.problem import Problem

    return pytest.UsageError(Problem(code, message, where=value.place, expected=expected, next_step=next_step).render())


def _words(value: Given | None) -> tuple[str, ...]:
    """The words between commas, each once. Quotes around one are taken off: in pytest.ini they would be part of it."""
    words = (word.strip().strip("'\"") for word in (value.text if value else "").split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def _versions(value: Given | None) -> tuple[str, ...]:
    if value is None:
        return ("2.2",)
    from flink_testbed.artifacts.versions import resolve_flink
    from flink_testbed.core.problem import HostError

    versions = _words(value)
    if not versions:
        raise _refused(value, "no version", "Flink versions, comma separated, such as 2.2 or 2.2.1")
    try:
        for version in versions:
            resolve_flink(version)
    except HostError as error:
        problems = (dataclasses.replace(problem, where=value.place) for problem in error.problems)
        raise pytest.UsageError("\n".join(problem.render() for problem in problems)) from None
    return versions


def _remote(value: Given | None) -> RestAccess | None:
    if value is None:
        return None
    from flink_testbed.core.problem import HostError
    from flink_testbed.flink.access import rest_access

    try:
        return rest_access(value.text, os.environ)
    except HostError as error:
        raise pytest.UsageError(str(error)) from None


def _auto_tiers(rest_url: Given | None) -> tuple[Tier, ...]:
    return AUTO_TIERS_WITH_REMOTE if rest_url else AUTO_TIERS


def _named_tiers(value: Given | None, rest_url: Given | None) -> tuple[Tier, ...]:
    """Return the tiers that the user named; none for ``auto``."""
    asked = _words(value)
    if value is None or not asked:
        return ()
    known = [tier.value for tier in Tier]
    for word in asked:
        if word not in (*known, "auto"):
            raise _refused(value, f"there is no tier {word!r}", f"{', '.join(known)} or auto", _nearest(word, known))
    if Tier.REMOTE in asked and not rest_url:
        next_step = "name it: --flink-rest-url=http://HOST:8081"
        raise _refused(
            value, "the tier remote is a cluster that is there already", "the address of its REST", next_step
        )
    return () if "auto" in asked else tuple(Tier(word) for word in asked)


def _text(value: Given | None) -> str:
    return value.text.strip() if value else ""


def _engine(value: Given | None) -> Engine:
    if value is None:
        return Engine.AUTO
    known = [engine.value for engine in Engine]
    if value.text not in known:
        next_step = _nearest(value.text, known)
        raise _refused(value, f"there is no engine {value.text!r}", "auto, bundled or upstream", next_step)
    return Engine(value.text)


def _profile(value: Given | None) -> str | None:
    if value is not None and value.text != "default":
        raise _refused(
            value,
            f"there is no profile {value.text!r}",
            "default",
            "write --flink-gate=default, or paths before --flink-gate: the word after it is its profile",
        )
    return value.text if value else None


def _keep(value: Given | None) -> str:
    if value is None:
        return "never"
    if value.text not in KEEP:
        raise _refused(value, f"a cluster cannot be kept {value.text!r}", ", ".join(KEEP), _nearest(value.text, KEEP))
    return value.text


def _yes(value: Given | None) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if value is None:
        return False
    if value.text.lower() not in words:
        raise _refused(value, "wrong value", "yes or no", "paths come before it: the word after it is its value")
    return words[value.text.lower()]


def _job_python(value: Given | None) -> Path | None:
    if value is not None and not Path(value.text).is_file():
        expected = "the python program of an environment that holds apache-flink and flink-agents"
        raise _refused(value, "no such interpreter", expected, "check the path", code="FA417")
    return Path(value.text) if value else None


def _flink_agents(value: Given | None) -> str:
    if value is None:
        return ""
    from flink_testbed.artifacts.environments import flink_agents_requirement
    from flink_testbed.core.problem import HostError

    try:
        flink_agents_requirement(value.text)
    except HostError as error:
        problems = (dataclasses.replace(problem, where=value.place) for problem in error.problems)
        raise pytest.UsageError("\n".join(problem.render() for problem in problems)) from None
    return value.text


def _addresses(value: Given | None) -> str:
    """``HOST:PORT``, or several with commas between."""
    words = _words(value)
    if value is not None and not (words and all(re.fullmatch(r"[^\s:/]+:\d{1,5}", word) for word in words)):
        raise _refused(value, "no address", "HOST:PORT, or several with commas between", "write it without kafka://")
    return ",".join(words)


def _seed(value: Given | None, runs: int) -> int | None:
    """The seed of a session. Several runs without a seed would all be the same one: they get a random one."""
    drawn = random.randrange(10**6)  # noqa: S311 - an order to be repeated, no secret
    if value is None:
        return drawn if runs > 1 else None
    if value.text == "random":
        return drawn
    with contextlib.suppress(ValueError):
        if int(value.text) >= 0:
            return int(value.text)
    raise _refused(value, "wrong value", "a whole number, at least 0, or random")


def _seconds(value: Given | None) -> float | None:
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        if 0 < float(value.text) < math.inf:
            return float(value.text)
    raise _refused(value, "wrong value", "seconds, above 0", "write a number, such as 60")


def _whole_number(value: Given | None, *, minimum: int) -> int | None:
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        if int(value.text) >= minimum:
            return int(value.text)
    raise _refused(value, "wrong value", f"a whole number, at least {minimum}")


def _nearest(word: str, known: Sequence[str]) -> str:
    from flink_testbed.core.problem import nearest

    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""
