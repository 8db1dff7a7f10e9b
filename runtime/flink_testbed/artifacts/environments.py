"""Isolated, cached virtual environments for jobs.

One per (Python, Flink, flink-agents, requirements), built by uv in one resolve, so that pip never
replaces a dependency of one package for the sake of another.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.agents_package import (
    content_of,
    digest_of_path,
    flink_agents_requirement,
    upstream_jars,
)
from flink_testbed.artifacts.cache import Entry, find_entry, provide_entry
from flink_testbed.artifacts.installer import install_error, run_uv
from flink_testbed.artifacts.interpreters import interpreter_for
from flink_testbed.artifacts.local_requirements import built_anew, local_requirements
from flink_testbed.artifacts.versions import DEFAULT_FLINK_AGENTS, FlinkRelease
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import clean_environment

Progress = Callable[[str], None]

# The Kafka client for code in jobs; its wheel has no further dependencies.
_ALWAYS = ("confluent-kafka>=2.5",)
# The Beam of Flink 1.20 imports pkg_resources in Python workers, and newer setuptools lack it.
_BY_FLINK = {"1.20": ("setuptools<82",)}
ENVIRONMENT_NEEDS_MIB = 2500
_LAYOUT = "3"
# For building flink-agents, which downloads its jars without a time limit.
_JARS_TIMEOUT_S = 240.0
# uv caches wheels by build settings, so that a wheel built without jars is never reused as a normal one.
_WITHOUT_JARS = ("--config-settings-package", "flink-agents:jars=none")
# Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/; the last two are uv's.
_INSTALLER_NOTES = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json")
_PROBE = """
import importlib.util, json, platform, sysconfig
from importlib import metadata
def version(name):
    try: return metadata.version(name)
    except metadata.PackageNotFoundError: return None
pyflink = importlib.util.find_spec("pyflink")
print(json.dumps({"python_version": platform.python_version(), "site_packages": sysconfig.get_paths()["purelib"],
    "flink": version("apache-flink"), "flink_agents": version("flink-agents"),
    "flink_home": list(pyflink.submodule_search_locations)[0] if pyflink else None}))
"""


@dataclass(frozen=True, slots=True)
class EnvironmentRequest:
    """The contents that a job environment must have.

    ``flink_agents`` is a version or the path of a wheel, an sdist or a source tree; empty is the
    default version. ``requirements`` are lines of a requirements file with absolute paths. ``python`` is the minor
    version of its Python, empty for one that fits.
    """

    flink: FlinkRelease
    flink_agents: str = ""
    requirements: tuple[str, ...] = ()
    python: str = ""


@dataclass(frozen=True, slots=True)
class JobEnvironment:
    """A usable environment.

    If the upstream engine is unavailable, ``upstream_jars`` is empty and ``upstream_reason`` says why.
    """

    python: Path
    python_version: str
    flink_version: str
    flink_agents_version: str
    site_packages: Path
    flink_home: Path
    upstream_jars: tuple[Path, ...]
    upstream_reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """The interpreter, requirements and cache key of an environment."""

    interpreter: str
    python_minor: str
    wanted: tuple[str, ...]
    key: str


def plan_environment(request: EnvironmentRequest) -> EnvironmentPlan:
    """Return the plan for a request without building anything.

    Raises :class:`HostError` FA418 if no interpreter fits, FA419 for an invalid ``flink_agents``.
    """
    interpreter, python_minor = interpreter_for(request.flink, request.python)
    flink_agents = request.flink_agents or DEFAULT_FLINK_AGENTS
    version = request.flink.version
    always = (*_ALWAYS, *_BY_FLINK.get(request.flink.line.minor, ()))
    wanted = (f"apache-flink=={version}", flink_agents_requirement(flink_agents), *always, *request.requirements)
    # With the interpreter's path, as the venv is a link to it and breaks if it is removed.
    contents = [digest_of_path(local.path) for local in local_requirements(request.requirements)]
    identity = [_LAYOUT, platform.machine(), interpreter, content_of(flink_agents), *wanted, *contents]
    digest = hashlib.sha256(chr(0).join(identity).encode()).hexdigest()[:12]
    return EnvironmentPlan(interpreter, python_minor, wanted, f"flink-{version}-py{python_minor}-{digest}")


def cached_environment(plan: EnvironmentPlan) -> JobEnvironment | None:
    """Return the planned environment, or None if the cache does not have it."""
    entry = find_entry("environments", plan.key)
    return _environment_in(entry) if entry else None


def provide_environment(request: EnvironmentRequest, *, progress: Progress) -> JobEnvironment:
    """Return the environment, built if the cache does not have it.

    A build takes about 30 s if uv has the packages in its cache.
    """
    plan = plan_environment(request)

    def build(directory: Path) -> dict[str, Any]:
        flink_agents = request.flink_agents or DEFAULT_FLINK_AGENTS
        progress(
            f"job environment: installing Flink {request.flink.version}, flink-agents {flink_agents} for Python "
            f"{plan.python_minor} (once; about 30 s, plus the download of 0.6 GB the first time)"
        )
        return install(directory, plan.interpreter, plan.wanted)

    return _environment_in(
        provide_entry("environments", plan.key, build, needs_mib=ENVIRONMENT_NEEDS_MIB, progress=progress)
    )


def package_digests(site_packages: Path) -> dict[str, str]:
    """Return the digest of each installed package by name and version: that of the record of its files' hashes.

    Without the installer's own notes, which hold times and places of this machine: another one would never have an equal
    package of a directory.
    """
    records = sorted(site_packages.glob("*.dist-info/RECORD"))
    return {record.parent.name.removesuffix(".dist-info"): _digest_of_record(record) for record in records}


def _digest_of_record(record: Path) -> str:
    notes = tuple(f"{record.parent.name}/{name},".encode() for name in _INSTALLER_NOTES)
    lines = record.read_bytes().splitlines(keepends=True)
    return f"sha256:{hashlib.sha256(b''.join(line for line in lines if not line.startswith(notes))).hexdigest()}"


def existing_environment(python: Path) -> JobEnvironment:
    """Return the environment of an interpreter, unchanged (``--flink-job-python``)."""
    if not python.is_file():
        raise HostError(
            Problem(
                "FA417",
                "the interpreter does not exist",
                where=os.fspath(python),
                next_step="set --flink-job-python to the path of a Python executable",
            )
        )
    facts = _probe(python, Path.cwd())
    for name, package in (("flink", "apache-flink"), ("flink_agents", "flink-agents")):
        if not facts[name]:
            raise HostError(
                Problem(
                    "FA417",
                    f"the job environment lacks {package}",
                    where=os.fspath(python),
                    expected="apache-flink and flink-agents, installed together",
                    seen=f"no {package}",
                    next_step="install both in one resolve, for example: uv pip install apache-flink==2.2.1 flink-agents==0.3.1",
                )
            )
    digest = hashlib.sha256(os.fspath(python.absolute()).encode()).hexdigest()[:12]
    return _environment(python.absolute(), facts, "the environment was chosen with --flink-job-python", digest)


def install(directory: Path, interpreter: str, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Make a virtual environment with the wanted requirements in a directory, and return what it holds.

    The second requirement is that of flink-agents. Raises :class:`HostError` if the installer fails.
    """
    venv = directory / "venv"
    made = run_uv(
        ["venv", "--relocatable", "--no-project", "--no-python-downloads", "--python", interpreter, str(venv)],
        cwd=directory,
    )
    if made.returncode != 0:
        raise install_error("a virtual environment", made.output)
    # apache-flink 1.20 is built from source and imports pkg_resources, which newer setuptools lack.
    (directory / "build-constraints.txt").write_text("setuptools<82\n", encoding="utf-8")
    install = ["pip", "install", "--python", str(venv), "--build-constraints", "build-constraints.txt"]
    reason = _reason_without_jars(venv, install, wanted[1])
    # In a file, since hashes, indexes and editable paths are not accepted on uv's command line.
    (directory / "requirements.txt").write_text("".join(f"{line}\n" for line in wanted), encoding="utf-8")
    # With its jars, flink-agents was built a moment ago.
    install += ["--requirements", "requirements.txt", *built_anew(wanted if reason else (wanted[0], *wanted[2:]))]
    if reason:
        done = run_uv([*install, *_WITHOUT_JARS], cwd=directory, FLINK_AGENTS_SKIP_JAR_DOWNLOAD="1")
    else:
        done = run_uv(install, cwd=directory)
    if done.returncode != 0:
        raise install_error(" ".join(wanted), done.output)
    checked = run_uv(["pip", "check", "--python", str(venv)], cwd=directory)
    facts = _probe(venv / "bin" / "python", directory)
    return facts | {"requirements": wanted, "upstream_reason": reason, "consistent": checked.returncode == 0}


def _reason_without_jars(venv: Path, install: list[str], requirement: str) -> str:
    """Build the wheel of flink-agents, with its jars if possible.

    Returns the reason if it could not download them. It is installed alone and first, so that a
    failing or hanging download costs only its own time and uv caches the wheel. Other failures are
    ignored: the complete resolve reports them better.
    """
    if os.environ.get("FLINK_AGENTS_SKIP_JAR_DOWNLOAD"):
        return "FLINK_AGENTS_SKIP_JAR_DOWNLOAD is set"
    # The second attempt makes uv rebuild: its cached wheel may have been built without jars.
    for rebuild in ([], ["--reinstall-package", "flink-agents"]):
        try:
            done = run_uv(
                [*install, "--no-deps", *rebuild, "--", requirement], cwd=venv.parent, timeout_s=_JARS_TIMEOUT_S
            )
        except WaitTimeoutError:
            return f"flink-agents did not download its jars within {_JARS_TIMEOUT_S:g} s"
        if "_download_jar" in done.output:
            errors = re.findall(r"^\s*(\S+Error: .*)$", done.output, re.MULTILINE)
            return f"flink-agents could not download its jars: {errors[-1] if errors else 'no reason given'}"
        if done.returncode != 0 or any(venv.glob("lib/python*/site-packages/flink_agents/lib/**/*.jar")):
            return ""
    return ""


def _probe(python: Path, cwd: Path) -> dict[str, Any]:
    done = run_guarded([str(python), "-I", "-c", _PROBE], env=clean_environment(), cwd=cwd, timeout_s=60)
    try:
        return dict(json.loads(done.output.splitlines()[-1]))
    except (ValueError, IndexError):
        raise HostError(
            Problem(
                "FA417",
                "the interpreter failed to run",
                where=os.fspath(python),
                seen=done.output[-300:] or f"exit code {done.returncode}",
            )
        ) from None


def _environment_in(entry: Entry) -> JobEnvironment:
    """Return the environment of a cache entry, which was built under another path."""
    venv = entry.path / "venv"
    facts = dict(entry.facts)
    for name in ("site_packages", "flink_home"):
        facts[name] = str(venv / facts[name].rpartition(os.sep + "venv" + os.sep)[2])
    return _environment(
        venv / "bin" / "python", facts, entry.facts["upstream_reason"], entry.path.name.rpartition("-")[2]
    )


def _environment(python: Path, facts: Mapping[str, Any], reason: str, digest: str) -> JobEnvironment:
    site_packages = Path(facts["site_packages"])
    jars, why_none = upstream_jars(site_packages / "flink_agents" / "lib", facts["flink"])
    return JobEnvironment(
        python=python,
        python_version=facts["python_version"],
        flink_version=facts["flink"],
        flink_agents_version=facts["flink_agents"],
        site_packages=site_packages,
        flink_home=Path(facts["flink_home"]),
        upstream_jars=jars,
        # Decided by the files: uv may have reused a wheel that was built without jars.
        upstream_reason="" if jars else reason or why_none,
        digest=digest,
    )
