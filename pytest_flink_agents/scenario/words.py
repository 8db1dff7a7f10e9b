"""Types for strings of the language that have a form.

Durations, agent references, patterns, and paths into data. Each is a type for a field of
:mod:`model`. A value in another form raises pydantic's error with the code, the expectation and the
next step of a mistake, see :func:`wrong`.
Must never import: yaml, pytest.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from flink_testbed.artifacts.versions import FLINK_LINES, resolve_flink
from flink_testbed.core import clock
from flink_testbed.core.patterns import compile_pattern
from flink_testbed.core.problem import HostError
from pytest_flink_agents.scenario.error import path_text
from pytest_flink_agents.scenario.expressions import compile_expression

WRONG = "scenario"
# Prefix of the tags of forms of a value: pydantic puts tags into the places of errors, where keys
# have no such prefix.
FORM = "form:"
# The expectation of pydantic's own errors, by their type.
EXPECTED = {
    "string_type": "a string",
    "string_too_short": "a string that is not empty",
    "int_type": "an int",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "too_short": "a list that is not empty",
}
_DURATION = r"(\d+(?:\.\d+)?)(ms|s|m)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_AGENT = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")
_JAVA_CLASS = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*")
_PACKAGE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_BARE_VERSION = re.compile(r"\d+(?:\.\d+)*")
_ENDPOINT = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NAME_CHARACTERS = 200
WAIVER_DAYS = 90
_ENVIRONMENT_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,127}")
_ENVIRONMENT_CHARACTERS = 32_768
_ADDRESS = re.compile(r"(?:[\w.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>\d{1,5})", re.ASCII)
_MAX_PORT = 65_535
# A scenario is data: these would let it choose the code that runs, or break the run itself.
_RESERVED_NAMES = frozenset({"PATH", "HOME", "JAVA_HOME", "CLASSPATH", "JAVA_TOOL_OPTIONS", "BASH_ENV", "ENV", "IFS"})
_RESERVED_PREFIXES = ("PYTHON", "LD_", "DYLD_", "FLINK_", "SCENARIO_", "JDK_", "_JAVA", "GLIBC_", "MALLOC_", "PYFLINK_")


def wrong(
    expected: str, *, message: str = "", code: str = "FA203", next_step: str = "", at: Sequence[str] = ()
) -> PydanticCustomError:
    """Return the error of a validator.

    ``at`` are the keys of the wrong value below the one that is validated, if several are validated together.
    :mod:`validation` reads its context back as a mistake.
    """
    context = {"code": code, "expected": expected, "message": message, "next_step": next_step, "at": tuple(at)}
    # A constant template, because text of the user must not be interpreted as one.
    return PydanticCustomError(WRONG, "wrong value", context)


def value_error(word: str, error: ValidationError) -> ValueError:
    """Return the first mistake in a value that a Python test wrote for a word."""
    first = error.errors(include_url=False)[0]
    path = tuple(step for step in first["loc"] if not (isinstance(step, str) and step.startswith(FORM)))
    place = f" for {path_text(path)}" if path else ""
    expected = first.get("ctx", {}).get("expected") or EXPECTED.get(first["type"], first["msg"])
    return ValueError(f"{word}: wrong value{place}: expected {expected}, seen {first['input']!r}")


def has_form(form: Callable[[Any], str | None], expected: str) -> BeforeValidator:
    """Return a validator that refuses a value of no known form.

    pydantic's own message is about tags, which users do not know.
    """

    def check(value: Any) -> Any:
        if form(value) is None:
            raise wrong(expected)
        return value

    return BeforeValidator(check)


def _endpoint(text: str) -> str:
    if not _ENDPOINT.fullmatch(text):
        raise wrong("a name of lower-case letters, digits and underscores, like payments")
    return text


EndpointName = Annotated[str, AfterValidator(_endpoint)]


def _seconds_up_to(maximum_m: int) -> Callable[[Any], float]:
    """Return the validator of a duration of at most so many minutes.

    In the model it is seconds.
    """

    def seconds(value: Any) -> float:
        found = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
        if not found or not float(found[1]):
            raise wrong("a duration above 0: 500ms, 2s or 1m", next_step="write a number and its unit: ms, s or m")
        result = float(found[1]) * _SECONDS[found[2]]
        if result > maximum_m * _SECONDS["m"]:
            raise wrong(f"a duration of at most {maximum_m}m")
        return result

    return seconds


def quoted_version(value: Any) -> Any:
    """Return a version unchanged; refuse a number, which is an unquoted version."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise wrong(
            "a version in quotes",
            code="FA207",
            message="a version must be quoted",
            next_step="quote it: unquoted, 1.20 is the number 1.2",
        )
    return value


@lru_cache(maxsize=256)
def flink_versions(text: str) -> SpecifierSet:
    """Return the Flink versions of a specifier.

    It is like ``>=1.20.3``, or ``2.2`` for any 2.2.x. Raises InvalidSpecifier.
    """
    return SpecifierSet(f"=={text}.*" if _BARE_VERSION.fullmatch(text) else text)


def _one_flink(text: str) -> str:
    try:
        resolve_flink(text)
    except HostError as error:
        raise wrong("a version of Flink that is supported", next_step=error.problems[0].next_step) from None
    return text


def _one_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion:
        raise wrong('a release, like "0.3.0"') from None
    return text


def _python(text: str) -> str:
    supported = sorted({python for line in FLINK_LINES for python in line.pythons}, key=Version)
    if text not in supported:
        raise wrong(
            f"a Python that a Flink supports: {', '.join(supported)}", next_step='write its minor version: "3.11"'
        )
    return text


def _flink(text: str) -> str:
    try:
        if not text.strip():
            raise InvalidSpecifier(text)
        flink_versions(text)
    except InvalidSpecifier:
        raise wrong('versions of Flink, like ">=1.20.3", "2.2" or ">=1.20,<2.1"') from None
    return text


def _agent(text: str) -> str:
    if not _AGENT.fullmatch(text):
        raise wrong(
            "package.module:Class", next_step="write the module, a colon and the class: shop.agents:RefundAgent"
        )
    return text


def _java_class(text: str) -> str:
    if len(text) > _NAME_CHARACTERS or not _JAVA_CLASS.fullmatch(text):
        raise wrong("a Java class with its package, like shop.RefundAgent or shop.Agents$Refund")
    return text


def _package(text: str) -> str:
    if len(text) > _NAME_CHARACTERS or not _PACKAGE.fullmatch(text):
        raise wrong("a package like shop.testdata")
    return text


def _name(text: str) -> str:
    if not text.isprintable() or text != text.strip() or "::" in text or not 0 < len(text) <= _NAME_CHARACTERS:
        raise wrong(f'one line of 1 to {_NAME_CHARACTERS} characters, without surrounding spaces and without "::"')
    return text


def _regex(text: str) -> str:
    try:
        compile_pattern(text)
    except ValueError as error:
        raise wrong("a regular expression", next_step=str(error)) from None
    return text


def _jmespath(text: str) -> str:
    try:
        compile_expression(text)
    except ValueError as error:
        raise wrong("a JMESPath into the record, like order.id", next_step=str(error)) from None
    return text


def _environment_name(text: str) -> str:
    if not _ENVIRONMENT_NAME.fullmatch(text):
        raise wrong("a name of upper-case letters, digits and underscores", next_step="write it like PAYMENTS_URL")
    if text in _RESERVED_NAMES or text.startswith(_RESERVED_PREFIXES):
        next_step = "choose another name: the run sets this variable, or it changes how Python and Java start"
        raise wrong("a variable of the agent's own", message=f"{text} is reserved", next_step=next_step)
    return text


def _address(text: str) -> str:
    found = _ADDRESS.fullmatch(text)
    if not found or not 1 <= int(found["port"]) <= _MAX_PORT:
        without = text.partition("://")[2].partition("/")[0]
        next_step = f'write "{without if ":" in without else without + ":443"}"' if without else ""
        raise wrong("host:port, like api.example.com:443", next_step=next_step)
    return text


def _environment_text(text: str) -> str:
    if len(text) > _ENVIRONMENT_CHARACTERS or "\0" in text:
        raise wrong(f"a string of at most {_ENVIRONMENT_CHARACTERS:,} characters, without NUL")
    return text


def _waiver_date(text: str) -> str:
    try:
        # Two checks, because fromisoformat of newer Python versions accepts more forms.
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        date = datetime.date.fromisoformat(text)
    except ValueError:
        raise wrong("a date like 2027-01-31") from None
    last = clock.today() + datetime.timedelta(days=WAIVER_DAYS)
    if date > last:
        next_step = "write an earlier date; it can be renewed when it is over"
        raise wrong(f"a date at most {WAIVER_DAYS} days ahead, until {last}", next_step=next_step)
    return text


_DURATION_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_DURATION}$"})
Duration = Annotated[float, BeforeValidator(_seconds_up_to(24 * 60)), _DURATION_SCHEMA]
Delay = Annotated[float, BeforeValidator(_seconds_up_to(60)), _DURATION_SCHEMA]
NotEmpty = Annotated[str, Field(min_length=1)]
FlinkVersion = Annotated[str, AfterValidator(_one_flink), BeforeValidator(quoted_version)]
AgentsVersion = Annotated[str, AfterValidator(_one_version), BeforeValidator(quoted_version)]
PythonVersion = Annotated[str, AfterValidator(_python), BeforeValidator(quoted_version)]
FlinkVersions = Annotated[str, AfterValidator(_flink), BeforeValidator(quoted_version)]
AgentClass = Annotated[str, AfterValidator(_agent)]
JavaClass = Annotated[str, AfterValidator(_java_class)]
Package = Annotated[str, AfterValidator(_package)]
Name = Annotated[str, AfterValidator(_name)]
Regex = Annotated[str, AfterValidator(_regex)]
JmesPath = Annotated[str, AfterValidator(_jmespath)]
Address = Annotated[str, AfterValidator(_address)]
EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
EnvironmentText = Annotated[str, AfterValidator(_environment_text)]
WaiverDate = Annotated[str, AfterValidator(_waiver_date)]
