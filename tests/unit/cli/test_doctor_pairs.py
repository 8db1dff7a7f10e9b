"""Versions that do not go together, and what happened when a JVM loaded pemja."""

from __future__ import annotations

import dataclasses

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.cli.doctor.loading import Loaded, judge_loaded, loaded_in
from pytest_flink_agents.cli.doctor.pairs import Versions, judge_pairs

SOUND = Versions("2.2.1", "0.3.1", "3.11", "0.5.7", "<0.5.8,>=0.5.7", "2.61.0", "81.0.0")


def seen(**changed: str) -> list[tuple[str, str]]:
    """Return status and text of the checks of changed versions."""
    versions = dataclasses.replace(SOUND, **changed)
    line = resolve_flink(".".join(versions.flink.split(".")[:2])).line
    return [(check.status, check.seen) for check in judge_pairs("versions", versions, line)]


def test_sound_versions_have_one_check() -> None:
    assert seen() == [("ok", "no pair of them is known to be incompatible")]
    assert seen(pemja="", pemja_wanted="", beam="", setuptools="")[0][0] == "ok"
    assert seen(setuptools="82.0.0")[0][0] == "ok"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flink_agents": "0.1.1"}, "flink-agents 0.1.1 is for Flink 1.20, and this is Flink 2.2.1"),
        ({"flink_agents": "0.2.1", "python": "3.12"}, "is for Python 3.10, 3.11, and this is Python 3.12"),
        ({"pemja": "0.5.5"}, "pemja 0.5.5, and apache-flink 2.2.1 has the Java side of pemja <0.5.8,>=0.5.7"),
        ({"flink": "1.20.3", "beam": "2.48.0", "setuptools": "82.0.0"}, "setuptools 82.0.0 does not have it"),
        ({"flink": "1.20.3", "beam": "2.48.0", "setuptools": ""}, "setuptools (not installed) does not have it"),
    ],
)
def test_an_incompatible_pair_fails(changed: dict[str, str], words: str) -> None:
    ((status, text),) = seen(**changed)
    assert status == "fail"
    assert words in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flink_agents": "1.0.0"}, "flink-agents 1.0.0 is none of the known releases"),
        ({"pemja_wanted": ""}, "apache-flink 2.2.1 does not say which pemja it requires"),
    ],
)
def test_an_unknown_pair_is_not_said_to_be_sound(changed: dict[str, str], words: str) -> None:
    ((status, text),) = seen(**changed)
    assert status == "not checked"
    assert words in text


def test_a_missing_flink_agents_is_not_taken_for_the_default_release() -> None:
    assert seen(flink_agents="", flink="1.20.3", beam="", setuptools="")[0][0] == "ok"


def test_each_pair_has_a_check_of_its_own() -> None:
    assert len(seen(flink_agents="0.1.1", python="3.12", pemja="0.5.5")) == 3


def test_a_bridge_that_was_loaded_explains_the_second_job() -> None:
    loaded = Loaded("21.0.8", "3.11.7", again="java.lang.NoSuchFieldException: loadedLibraryNames")
    (check,) = judge_loaded("pemja in a JVM", loaded)
    assert check.status == "ok"
    assert check.seen.startswith("Java 21.0.8 ran Python 3.11.7; loaded again by a second class loader")
    assert "the second job" in check.seen
    assert "classloader.parent-first-patterns.additional: pemja." in check.seen
    (other,) = judge_loaded("", dataclasses.replace(loaded, again="java.lang.OutOfMemoryError"))
    assert other.seen.endswith("it fails with java.lang.OutOfMemoryError")
    (none,) = judge_loaded("", dataclasses.replace(loaded, again=""))
    assert none.seen == "Java 21.0.8 ran Python 3.11.7"


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        ('WARNING: x\n{"java": "21", "python": "", "error": "UnsatisfiedLinkError: x", "again": ""}\n', 0, "Link"),
        ("a\nSIGSEGV (0xb) at pc=0x0", 134, "the JVM ended with code 134: a\nSIGSEGV"),
        ("", 1, "no output"),
        ('{"java": "21", "python": "3.11.7", "error": "", "again": ""}\n', 134, "code 134 after it had loaded"),
        ('{"java": "21", "colour": "red"}', 0, "ended with code 0"),
        ("[1]", 0, "ended with code 0"),
        ("{}", 0, "Python did not answer"),
    ],
)
def test_a_bridge_that_did_not_load_fails(output: str, code: int, words: str) -> None:
    (check,) = judge_loaded("", loaded_in(output, code))
    assert check.status == "fail"
    assert words in check.seen
    assert check.next_step
