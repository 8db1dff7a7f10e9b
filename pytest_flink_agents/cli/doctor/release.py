"""Gather the doctor's facts about each Flink release: its Python, Java, job environment and bridge."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from flink_testbed.artifacts.environments import (
    EnvironmentPlan,
    EnvironmentRequest,
    JobEnvironment,
    cached_environment,
    existing_environment,
    plan_environment,
)
from flink_testbed.artifacts.installer import run_uv
from flink_testbed.artifacts.java import cached_java, java_version
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from pytest_flink_agents.cli.doctor.bridge import look_at_bridge
from pytest_flink_agents.cli.doctor.facts import JavaHome, Refused, ReleaseFacts, Seen, Unseen
from pytest_flink_agents.cli.doctor.loading import Loaded, load_bridge
from pytest_flink_agents.cli.doctor.pairs import installed_versions

T = TypeVar("T")

_CHECK_TIMEOUT_S = 60.0


def attempt(look: Callable[[], T]) -> Seen[T]:
    """Return one fact, or the reason why it is unknown.

    An error does not keep the other facts from being gathered.
    """
    try:
        return look()
    except WaitTimeoutError as error:
        return Unseen(error.problems[0].message)
    except HostError as error:
        return Refused(error.problems[0])
    except Exception as error:  # whatever it is, the other facts are gathered
        return Unseen(f"{type(error).__name__}: {error}")


def facts_of(
    releases: tuple[FlinkRelease, ...], job_python: Path | None, *, load: bool = False
) -> tuple[ReleaseFacts, ...]:
    """Return the facts about each release; with ``load`` a JVM loads the bridge of its job environment."""
    if job_python:
        environment = attempt(lambda: existing_environment(job_python))
        found = tuple(_release_as_given(release, environment) for release in releases)
    else:
        found = tuple(_release(release) for release in releases)
    if not load:
        return found
    return tuple(dataclasses.replace(facts, loaded=attempt(partial(_loaded, facts))) for facts in found)


def _release(release: FlinkRelease) -> ReleaseFacts:
    plan = attempt(lambda: plan_environment(EnvironmentRequest(release)))
    environment: Seen[JobEnvironment | None] = Unseen("there is no Python for this release")
    if isinstance(plan, EnvironmentPlan):
        known = plan
        environment = attempt(lambda: cached_environment(known))
    python = plan.python_minor if isinstance(plan, EnvironmentPlan) else plan
    return _facts(release, python, environment)


def _release_as_given(release: FlinkRelease, environment: Seen[JobEnvironment]) -> ReleaseFacts:
    python: Seen[str] = Unseen("the environment cannot be read")
    if isinstance(environment, JobEnvironment):
        python = ".".join(environment.python_version.split(".")[:2])
    return dataclasses.replace(_facts(release, python, environment), given=True)


def _facts(release: FlinkRelease, python: Seen[str], environment: Seen[JobEnvironment | None]) -> ReleaseFacts:
    return ReleaseFacts(
        release=release,
        python=python,
        java_home=attempt(_java_home),
        packaged_java=attempt(lambda: _packaged_java(release)),
        environment=environment,
        conflicts=_conflicts_of(environment),
        bridge=_of(environment, look_at_bridge),
        versions=_of(environment, installed_versions),
    )


def _java_home() -> JavaHome:
    path = os.environ.get("JAVA_HOME", "")
    return JavaHome(path, java_version(Path(path)) if path else None)


def _packaged_java(release: FlinkRelease) -> str | None:
    java = cached_java(release.line)
    return java.version if java else None


def _of(environment: Seen[JobEnvironment | None], look: Callable[[JobEnvironment], T]) -> Seen[T | None]:
    return attempt(lambda: look(environment)) if isinstance(environment, JobEnvironment) else None


def _loaded(facts: ReleaseFacts) -> Loaded | Unseen:
    if not isinstance(facts.environment, JobEnvironment):
        return Unseen("there is no job environment to load it in")
    if facts.java_home_fits:
        return load_bridge(facts.environment, Path(os.environ["JAVA_HOME"]))
    java = cached_java(facts.release.line)
    return load_bridge(facts.environment, java.home) if java else Unseen("there is no Java to load it in")


def _conflicts_of(environment: Seen[JobEnvironment | None]) -> Seen[tuple[str, ...]]:
    if isinstance(environment, JobEnvironment):
        return attempt(lambda: _conflicts(environment.python))
    return Unseen("there is no environment")


def _conflicts(python: Path) -> tuple[str, ...]:
    """Return a sentence for each package whose requirements are not met."""
    done = run_uv(["pip", "check", "--python", str(python)], cwd=Path.cwd(), timeout_s=_CHECK_TIMEOUT_S)
    if done.returncode == 0:
        return ()
    sentences = conflicts_in(done.output)
    if not sentences:
        raise HostError(
            Problem(
                "FA417",
                "the installed packages cannot be listed",
                where=str(python),
                next_step="delete that environment: the next run rebuilds it",
            )
        )
    return sentences


def conflicts_in(output: str) -> tuple[str, ...]:
    """Return the sentences of ``uv pip check``: the package, its requirement, and the installed version."""
    sentences = re.findall(r"^The package (`.*)$", output, re.MULTILINE)
    return tuple(sentence.replace("`", "") for sentence in sentences)
