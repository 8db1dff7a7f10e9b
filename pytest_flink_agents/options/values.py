"""The meaning of each option's text.

Every function raises ``pytest.UsageError`` for an invalid value.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import math
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from pytest_flink_agents.options.given import Given, ini_file, refused
from pytest_flink_agents.settings import KEEP, POLICY_FILE
from pytest_flink_agents.vocabulary import Engine, ModelMode, ModelPrice, RequirementKind, RestAuth, Tier

if TYPE_CHECKING:
    from flink_testbed.core.problem import HostError
    from flink_testbed.flink.access import RestAccess
    from flink_testbed.kafka.security import KafkaSecurity

_PRICE = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_PRICES_OF_A_MODEL = 2
_SHARD = re.compile(r"(\d{1,4})/(\d{1,4})")
_MAX_SHARDS = 1000
_SWITCH = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


def requirement_kinds(config: pytest.Config, ini_name: str) -> tuple[RequirementKind, ...]:
    """Return the kinds of requirements that the ini file allows."""
    known = [kind.value for kind in RequirementKind]
    words = list(config.getini(ini_name))
    for word in words:
        if word not in known:
            value = Given(word, f"{ini_file(config)}: {ini_name} = {' '.join(words)}")
            raise refused(value, f"unknown kind of requirement {word!r}", ", ".join(known), _nearest(word, known))
    return tuple(RequirementKind(word) for word in words)


def model_prices(config: pytest.Config, ini_name: str) -> dict[str, ModelPrice]:
    """Return the prices of models that the ini file states."""
    prices: dict[str, ModelPrice] = {}
    for line in config.getini(ini_name):
        model, _, amounts = (part.strip() for part in line.partition("="))
        value = Given(line, f"{ini_file(config)}: {ini_name}")
        numbers = [float(word) for word in amounts.split() if _PRICE.fullmatch(word)]
        if not model or len(numbers) != len(amounts.split()) or len(numbers) != _PRICES_OF_A_MODEL:
            raise refused(
                value, f"not the prices of a model: {line!r}", "MODEL = PROMPT COMPLETION, like m:8b = 0.1 0.4"
            )
        if model in prices:
            raise refused(value, f"two prices of the model {model!r}", "each model once")
        prices[model] = ModelPrice(*numbers)
    return prices


def versions(value: Given | None) -> tuple[str, ...]:
    """Return the Flink versions as the user wrote them, each one supported."""
    if value is None:
        return ("2.2",)
    from flink_testbed.artifacts.versions import resolve_flink
    from flink_testbed.core.problem import HostError

    words = _words(value)
    if not words:
        raise refused(
            value, "the list of Flink versions is empty", "versions with commas between, such as 2.2 or 2.2.1"
        )
    try:
        for version in words:
            resolve_flink(version)
    except HostError as error:
        raise _at(value, error) from None
    return words


def remote(value: Given | None) -> RestAccess | None:
    """Return the access to the remote cluster's REST API; token and certificates come from the environment."""
    if value is None:
        return None
    from flink_testbed.core.problem import HostError
    from flink_testbed.flink.access import rest_access

    try:
        return rest_access(value.text, os.environ)
    except HostError as error:
        raise pytest.UsageError(str(error)) from None


def tiers(value: Given | None, rest_url: Given | None) -> tuple[Tier, ...]:
    """Return the tiers that the user named; none for ``auto``."""
    asked = _words(value)
    if value is None or not asked:
        return ()
    known = [tier.value for tier in Tier]
    for word in asked:
        if word not in (*known, "auto"):
            raise refused(value, f"there is no tier {word!r}", f"{', '.join(known)} or auto", _nearest(word, known))
    if Tier.REMOTE in asked and not rest_url:
        next_step = "name it: --flink-rest-url=http://HOST:8081"
        raise refused(value, "the tier remote needs an existing cluster", "the address of its REST API", next_step)
    return () if "auto" in asked else tuple(Tier(word) for word in asked)


def text(value: Given | None) -> str:
    """Return the value as it is."""
    return value.text.strip() if value else ""


def shard(value: Given | None) -> tuple[int, int] | None:
    """Return index and number of the part of all items to run."""
    if value is None:
        return None
    found = _SHARD.fullmatch(value.text.strip())
    index, count = (int(number) for number in found.groups()) if found else (0, 0)
    if not 1 <= index <= count <= _MAX_SHARDS:
        expected = f"I/N with 1 <= I <= N <= {_MAX_SHARDS}, such as 1/4 for the first of four"
        raise refused(value, f"not a shard: {value.text!r}", expected)
    return index, count


def sign_key(value: Given | None) -> str:
    """Return the place of the private key: a file, or ``env:NAME``."""
    if value is not None and "PRIVATE KEY" in value.text:
        # The value is not shown, wherever it came from.
        place = Given("", "--flink-sign-key")
        next_step = "write the key to a file that only you may read, or put it in a variable and name that: env:NAME"
        raise refused(place, "the key itself is given", "its place", next_step, code="FA431")
    return text(value)


def engine(value: Given | None) -> Engine:
    """Return the engine asked for."""
    if value is None:
        return Engine.AUTO
    known = [engine.value for engine in Engine]
    if value.text not in known:
        next_step = _nearest(value.text, known)
        raise refused(value, f"there is no engine {value.text!r}", "auto, bundled or upstream", next_step)
    return Engine(value.text)


def rest_auth(value: Given | None) -> RestAuth:
    """Return when the REST API is for this user only: ``auto``, or a word of a boolean."""
    word = value.text.strip().lower() if value else RestAuth.AUTO
    if value is None or word == RestAuth.AUTO:
        return RestAuth.AUTO
    if word not in _SWITCH:
        known = [each.value for each in RestAuth]
        raise refused(value, f"unknown word {value.text!r}", "auto, on or off", _nearest(word, known))
    return RestAuth.ON if _SWITCH[word] else RestAuth.OFF


def llm_mode(value: Given | None) -> ModelMode | None:
    """Return the mode of models that are not scripted; None for what each scenario says."""
    if value is None:
        return None
    known = [mode.value for mode in ModelMode if mode is not ModelMode.SCRIPTED]
    if value.text not in known:
        next_step = _nearest(value.text, known)
        raise refused(value, f"there is no mode {value.text!r} for a whole session", ", ".join(known), next_step)
    return ModelMode(value.text)


def directory(value: Given | None, root: Path) -> Path | None:
    """Return a directory, which need not exist, all links resolved."""
    return (root / value.text).resolve() if value else None


def policy(named: Given | None, profile: Given | None, root: Path) -> tuple[Path | None, str]:
    """Return the policy file, None if there is none, and the profile to judge by.

    A file with mistakes, or without the profile, is refused here, before anything starts.
    """
    file = root / (named.text if named else POLICY_FILE)
    if named is None and not os.path.lexists(file):
        if profile is not None and profile.text != "default":
            next_step = f"write {POLICY_FILE}, or leave --flink-profile out"
            raise refused(profile, f"there is no profile {profile.text!r}", "default", next_step, code="FA305")
        return None, "default"
    # Imported here: a session without a policy does not pay for its language.
    from pytest_flink_agents.policy.load import PolicyError, load_policy

    try:
        return file, load_policy(file, root).profile(profile.text if profile else "")
    except PolicyError as error:
        raise pytest.UsageError(str(error)) from None


def baseline(value: Given | None, root: Path) -> Path | None:
    """Return the stored session to compare with; one that cannot be read is refused before anything starts."""
    if value is None:
        return None
    # Imported here: other sessions read no stored one.
    from flink_testbed.core.problem import HostError
    from pytest_flink_agents.report.stored_run import load_baseline

    try:
        load_baseline(root / value.text, root)
    except HostError as error:
        # Under the gate there is no `latest` any more.
        next_step = "name the run folder of an earlier session, or its report.json"
        problems = (dataclasses.replace(problem, next_step=next_step) for problem in error.problems)
        raise _at(value, HostError(*problems)) from None
    return root / value.text


def keep(value: Given | None) -> str:
    """Return the word that says when clusters stay running."""
    if value is None:
        return "never"
    if value.text not in KEEP:
        raise refused(value, f"unknown word {value.text!r}", ", ".join(KEEP), _nearest(value.text, KEEP))
    return value.text


def switch(value: Given | None) -> bool:
    """Return a flag's value, which the environment and the ini file write as a word."""
    if value is None:
        return False
    word = value.text.strip().lower()
    if word not in _SWITCH:
        raise refused(value, "not a boolean", "yes or no", "write yes or no; a profile has an option of its own")
    return _SWITCH[word]


def configuration(value: Given | None, root: Path) -> Path | None:
    """Return the Flink configuration in the directory that the user named.

    A file that would be misread is refused here, once, instead of by every scenario.
    """
    if value is None:
        return None
    from pytest_flink_agents.scenario.boundary.places import shown
    from pytest_flink_agents.scenario.configuration import CURRENT
    from pytest_flink_agents.scenario.configuration.content import read_configuration

    file = (root / value.text / CURRENT).resolve()
    if not file.is_file():
        next_step = "name the directory, not the file" if (root / value.text).is_file() else "write the file there"
        raise refused(value, f"no {CURRENT} there", f"a directory with a {CURRENT}", next_step)
    name = shown(file, root.resolve())
    errors = read_configuration(file, name).errors
    if errors:
        seen = "\n".join(f"{name}:{one.line}:{one.column}: {one.code}: {one.message}" for one in errors)
        next_step = f"flink-agents-gate lint {name}"
        raise refused(value, "the configuration would be misread", "a file without errors", next_step, seen=seen)
    return file


def otel(value: Given | None, root: Path) -> str:
    """Return the URL of a collector, or the path of a file, which starts at the project's root."""
    if value is None:
        return ""
    # find_spec of a name with dots imports what is before them.
    if importlib.util.find_spec("opentelemetry") is None:
        next_step = "pip install 'pytest-flink-agents[otel]'"
        raise refused(value, "traces cannot be exported", "the package opentelemetry", next_step, seen="it is missing")
    if value.text.startswith(("http://", "https://")):
        if not urlsplit(value.text).hostname:
            raise refused(value, "not the URL of a collector", "http(s)://HOST:4318")
        return value.text
    return str(root / value.text)


def job_python(value: Given | None) -> Path | None:
    """Return the interpreter of the job environment."""
    if value is not None and not Path(value.text).is_file():
        expected = "the python program of an environment that holds apache-flink and flink-agents"
        raise refused(value, "the interpreter does not exist", expected, "check the path", code="FA417")
    return Path(value.text) if value else None


def flink_agents(value: Given | None) -> str:
    """Return the version of flink-agents, or the path of a distribution."""
    if value is None:
        return ""
    from flink_testbed.artifacts.agents_package import flink_agents_requirement
    from flink_testbed.core.problem import HostError

    try:
        flink_agents_requirement(value.text)
    except HostError as error:
        raise _at(value, error) from None
    return value.text


def addresses(value: Given | None) -> str:
    """Return the addresses of Kafka's brokers, with commas between."""
    words = _words(value)
    if value is not None and not (words and all(re.fullmatch(r"[^\s:/]+:\d{1,5}", word) for word in words)):
        next_step = "write it without kafka://"
        raise refused(value, "not an address", "HOST:PORT, or several with commas between", next_step)
    return ",".join(words)


def debug_terminal(value: Given | None, gate: Given | None, *, processes: int) -> str:
    """Return the path of this session's terminal if ``--flink-debug`` is given, else an empty string.

    The gate excludes it: with an hour for each run, the deadlines of the scenarios would not be judged.
    """
    if value is None or not switch(value):
        return ""
    if gate is not None and switch(gate):
        raise refused(
            value,
            "the gate cannot judge a debugged session, whose runs all have an hour",
            "a session without --flink-gate",
            "omit one of the two; FLINK_AGENTS_TEST_FLINK_GATE=no turns off the gate of an ini file",
            seen=gate.place,
        )
    if processes or "PYTEST_XDIST_WORKER" in os.environ:
        raise refused(value, "several processes cannot share a terminal", "a session without pytest-xdist", "omit -n")
    import psutil

    terminal = psutil.Process().terminal()
    if not terminal:
        next_step = "start pytest in a terminal, without --flink-debug in CI"
        raise refused(value, "this session has no terminal", "a terminal for the debugger", next_step)
    return terminal


def kafka_security(value: Given | None, bootstrap: Given | None, root: Path) -> KafkaSecurity | None:
    """Return the settings of the properties file; a relative path starts at the project's root."""
    if value is None:
        return None
    if bootstrap is None:
        raise refused(value, "no external Kafka is named", "the address of a broker", "add --kafka-bootstrap=HOST:PORT")
    from flink_testbed.core.problem import HostError
    from flink_testbed.kafka.security import read_security

    try:
        return read_security(root / value.text)
    except HostError as error:
        raise pytest.UsageError(str(error)) from None


def seed(value: Given | None, runs: int) -> int | None:
    """Return the session's seed.

    Several runs without a seed get a random one: otherwise all would be the same run.
    """
    drawn = random.randrange(10**6)  # noqa: S311 - an order to be repeated, no secret
    if value is None:
        return drawn if runs > 1 else None
    if value.text == "random":
        return drawn
    with contextlib.suppress(ValueError):
        if int(value.text) >= 0:
            return int(value.text)
    raise refused(value, "not a seed", "an int, at least 0, or random")


def seconds(value: Given | None) -> float | None:
    """Return a duration."""
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        if 0 < float(value.text) < math.inf:
            return float(value.text)
    raise refused(value, "not a duration", "seconds, above 0", "write a number, such as 60")


def integer(value: Given | None, *, minimum: int) -> int | None:
    """Return a number, at least the minimum."""
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        if int(value.text) >= minimum:
            return int(value.text)
    raise refused(value, "not an int in the range", f"an int, at least {minimum}")


def _words(value: Given | None) -> tuple[str, ...]:
    """Return the words between commas, each once.

    In an ini file quotes would be a part of the word.
    """
    words = (word.strip().strip("'\"") for word in (value.text if value else "").split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def _at(value: Given, error: HostError) -> pytest.UsageError:
    """Return an error of the testbed with the place of the value that caused it."""
    problems = (dataclasses.replace(problem, where=value.place) for problem in error.problems)
    return pytest.UsageError("\n".join(problem.render() for problem in problems))


def _nearest(word: str, known: Sequence[str]) -> str:
    from flink_testbed.core.problem import nearest

    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""
