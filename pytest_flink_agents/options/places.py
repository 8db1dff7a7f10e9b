"""The files, directories and addresses that options name.

Every function raises ``pytest.UsageError`` for an invalid one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from pytest_flink_agents.options.given import Given, at_place, refused, words_of
from pytest_flink_agents.settings import POLICY_FILE

if TYPE_CHECKING:
    from flink_testbed.flink.access import RestAccess
    from flink_testbed.kafka.security import KafkaSecurity

_LIKE_A_POLICY = re.compile(r"flink[-_. ]?agents[-_. ]?polic(y|ies)\.ya?ml", re.IGNORECASE)


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


def directory(value: Given | None, root: Path) -> Path | None:
    """Return a directory, which need not exist, all links resolved."""
    return (root / value.text).resolve() if value else None


def policy(
    named: Given | None, profile: Given | None, root: Path, *, started_in: Path | None
) -> tuple[Path | None, str]:
    """Return the policy file, None if there is none, and the profile to judge by.

    A file with mistakes, or without the profile, is refused here, before anything starts. So is one of the project that
    is not in pytest's root directory, under the gate and if no option names a policy: ``started_in`` is the directory in
    which pytest was started, None without the gate.
    """
    file = root / (named.text if named else POLICY_FILE)
    if named is None and started_in is not None:
        _require_no_other_policy(file, root, started_in)
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


def _require_no_other_policy(own: Path, root: Path, started_in: Path) -> None:
    """Refuse a policy file where pytest was started, or above the root in the same repository, or with a similar name.

    An ini file in a directory of scenarios, ``--rootdir`` and a wrong name would lead past it, also to a second policy that
    requires less. ``own`` is the policy in the root, which need not exist.
    """
    found = (path for place in (started_in, root, *_above(root)) for path in _like_a_policy(place))
    other = next((path for path in found if path.resolve() != own.resolve()), None)
    if other is None:
        return
    if os.path.lexists(own):
        message, expected = "no option names this policy, and pytest takes another one", f"no other policy than {own}"
        next_step = f"--flink-policy={other}, or --flink-policy={own}"
    else:
        message = "no option names this policy, and pytest does not find it"
        expected = f"a policy in pytest's root directory, {root}"
        next_step = f"--flink-policy={other}, or give it the name {POLICY_FILE} and let --rootdir name its directory"
    raise refused(Given("", str(other)), message, expected, next_step)


def _above(root: Path) -> list[Path]:
    """Return the directories above the root in its repository; without one, those below the home directory and ``/``."""
    places = [root, *root.parents]
    top = next((index for index, place in enumerate(places) if (place / ".git").exists()), None)
    if top is not None:
        return places[1 : top + 1]
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path.home() raises for a user without one
    return [place for place in places[1:-1] if place not in (home, *home.parents)]


def _like_a_policy(place: Path) -> list[Path]:
    """Return the files of a directory that have the name of a policy, or nearly; none if it cannot be listed."""
    with contextlib.suppress(OSError):
        return sorted(path for path in place.iterdir() if _LIKE_A_POLICY.fullmatch(path.name))
    return []


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
        raise at_place(value, HostError(*problems)) from None
    return root / value.text


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
        raise at_place(value, error) from None
    return value.text


def addresses(value: Given | None) -> str:
    """Return the addresses of Kafka's brokers, with commas between."""
    words = words_of(value)
    if value is not None and not (words and all(re.fullmatch(r"[^\s:/]+:\d{1,5}", word) for word in words)):
        next_step = "write it without kafka://"
        raise refused(value, "not an address", "HOST:PORT, or several with commas between", next_step)
    return ",".join(words)


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
