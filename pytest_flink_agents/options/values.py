"""The meaning of each option's text.

Every function raises ``pytest.UsageError`` for an invalid value.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_flink_agents.options.given import Given, at_place, ini_file, refused, words_of
from pytest_flink_agents.settings import KEEP
from pytest_flink_agents.vocabulary import Engine, ModelMode, ModelPrice, RequirementKind, RestAuth, Tier

if TYPE_CHECKING:
    pass

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

    words = words_of(value)
    if not words:
        raise refused(
            value, "the list of Flink versions is empty", "versions with commas between, such as 2.2 or 2.2.1"
        )
    try:
        for version in words:
            resolve_flink(version)
    except HostError as error:
        raise at_place(value, error) from None
    return words


def tiers(value: Given | None, rest_url: Given | None) -> tuple[Tier, ...]:
    """Return the tiers that the user named; none for ``auto``."""
    asked = words_of(value)
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


def _nearest(word: str, known: Sequence[str]) -> str:
    from flink_testbed.core.problem import nearest

    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""
