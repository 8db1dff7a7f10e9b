"""The lock file of jars, and the repository that the settings choose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flink_testbed.artifacts.jars import connector_jars, locked_jars, parse_lock
from flink_testbed.artifacts.maven import central_mirror, maven_repository
from flink_testbed.artifacts.versions import FLINK_LINES
from flink_testbed.core.problem import HostError

DIGEST = "0123456789abcdef" * 4


def test_a_lock_file_is_read_in_its_order() -> None:
    text = json.dumps({"broker": {"org.a:b_2.13:4.1": DIGEST, "org.c:d:1-x": DIGEST}})
    (jars,) = parse_lock(text).values()
    assert (jars.name, jars.version) == ("broker", "4.1")
    assert [jar.file_name for jar in jars.jars] == ["b_2.13-4.1.jar", "d-1-x.jar"]


@pytest.mark.parametrize(
    ("jars", "message"),
    [
        ({"org.a:b": DIGEST}, "'org.a:b' is not group:artifact:version"),
        ({"org.a:../b:1": DIGEST}, "is not group:artifact:version"),
        ({"org.a:b:1": DIGEST[1:]}, "org.a:b:1 has no sha256"),
        ({}, "no jar"),
    ],
)
def test_an_invalid_lock_file_is_refused_with_the_reason(jars: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_lock(json.dumps({"broker": jars}))


def test_other_bytes_have_another_cache_key() -> None:
    one, other = (parse_lock(json.dumps({"s": {"a:b:1": digest}}))["s"].key for digest in (DIGEST, DIGEST[::-1]))
    assert one != other
    assert one.startswith("s-")


def test_the_lock_file_has_the_broker_and_a_connector_for_each_flink() -> None:
    kafka = locked_jars("kafka")
    assert kafka.jars[0].coordinate.startswith("org.apache.kafka:kafka_2.13:")
    assert any(jar.coordinate.startswith("org.slf4j:slf4j-simple:") for jar in kafka.jars)
    assert len({jar.file_name for jar in kafka.jars}) == len(kafka.jars)
    assert [len(connector_jars(line).jars) for line in FLINK_LINES] == [1] * len(FLINK_LINES)


SETTINGS = """<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><mirrors>{}</mirrors></settings>"""
MIRROR = "<mirror><id>m</id><mirrorOf>{}</mirrorOf><url> https://{}.invalid/maven </url></mirror>"


@pytest.mark.parametrize(
    ("mirrors", "chosen"),
    [
        ([("*", "all")], "all"),
        ([("external:*", "all")], "all"),
        ([("snapshots, central", "some")], "some"),
        ([("*", "all"), ("central", "named")], "named"),
        ([("*,!central", "others")], None),
        ([("external:http:*", "blocker"), ("snapshots", "others")], None),
        ([("*", "${env.WHERE}")], "here"),
        ([], None),
    ],
)
def test_the_mirror_is_the_one_that_maven_would_use_for_central(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirrors: list[tuple[str, str]], chosen: str | None
) -> None:
    monkeypatch.setenv("WHERE", "here")
    file = tmp_path / "settings.xml"
    text = SETTINGS.format("".join(MIRROR.format(*mirror) for mirror in mirrors))
    for written in (text, text.replace(' xmlns="http://maven.apache.org/SETTINGS/1.0.0"', "")):
        file.write_text(written)
        assert central_mirror(file) == (f"https://{chosen}.invalid/maven" if chosen else None)


def test_the_variable_precedes_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FLINK_AGENTS_MAVEN_MIRROR", raising=False)
    assert maven_repository().source == "Maven Central"
    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text(SETTINGS.format(MIRROR.format("central", "settings")))
    assert maven_repository().url == "https://settings.invalid/maven"
    assert maven_repository().source.endswith("settings.xml")
    monkeypatch.setenv("FLINK_AGENTS_MAVEN_MIRROR", "https://variable.invalid/maven/")
    assert maven_repository().url == "https://variable.invalid/maven"


def test_settings_that_are_not_xml_are_an_error(tmp_path: Path) -> None:
    """Ignoring them would download from another repository than intended."""
    file = tmp_path / "settings.xml"
    file.write_text("<settings>")
    with pytest.raises(HostError) as caught:
        central_mirror(file)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("FA450", str(file))
