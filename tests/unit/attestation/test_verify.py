"""``verify`` refuses every report that is not byte for byte the one that was attested, and names the difference."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.attestation import ATTESTATION_FILE, Signer, read_verifier, verify_report
from pytest_flink_agents.attestation.envelope import file_of
from pytest_flink_agents.cli.main import main
from tests.support.signing_keys import KEYS, write_keys

Alteration = Callable[[Path], object]


def refusals(folder: Path, key: Path | None = None, project: Path | None = None) -> list[tuple[str, str]]:
    found = verify_report(folder, read_verifier(key) if key else None, project)
    assert not found.doubts
    return [(problem.where, problem.message) for problem in found.refusals]


def covered(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".flink-agents-run"]
    return [path for path in files if "running" not in path.relative_to(folder).parts]


def test_a_report_as_it_was_written_is_verified(
    attested: Callable[..., Path], signer: Signer, keys: tuple[Path, Path], project: Path, tmp_path: Path
) -> None:
    for folder, key in ((attested(), None), (attested(signer), keys[1])):
        assert refusals(folder, key, project) == []
        # As an upload to another machine leaves it.
        copied = shutil.copytree(folder, tmp_path / folder.name)
        (copied / ".flink-agents-run").unlink()
        shutil.rmtree(copied / "running")
        assert refusals(copied, key, project) == []
    assert refusals(project / "flink-agents-report" / "latest", keys[1]) == []


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_an_altered_byte_anywhere_is_refused_each_time(
    signed: bool, attested: Callable[..., Path], signer: Signer, keys: tuple[Path, Path]
) -> None:
    folder = attested(signer if signed else None)
    files = covered(folder)
    chance = random.Random(20261130)
    accepted = []
    for number in range(100):
        path = files[number % len(files)]
        before = path.read_bytes()
        place = chance.randrange(len(before))
        path.write_bytes(before[:place] + bytes([before[place] ^ chance.randrange(1, 256)]) + before[place + 1 :])
        found = verify_report(folder, read_verifier(keys[1]) if signed else None, None)
        if not found.refusals and not found.doubts:
            accepted.append((path.name, place))
        elif path.name != ATTESTATION_FILE:
            assert [problem.where for problem in found.refusals] == [path.relative_to(folder).as_posix()]
            assert found.refusals[0].expected != found.refusals[0].seen
        path.write_bytes(before)
    assert accepted == []
    assert refusals(folder, keys[1] if signed else None) == []


def leaves_of(value: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the place of each text of a JSON value, with the container and the key that hold it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(pairs):
        below = f"{place}[{key}]" if isinstance(value, list) else f"{place}.{key}".removeprefix(".")
        if isinstance(item, (dict, list)):
            yield from leaves_of(item, below)
        else:
            yield below, value, key


def test_each_altered_field_of_the_statement_is_refused_and_named(attested: Callable[..., Path]) -> None:
    folder = attested()
    path = folder / ATTESTATION_FILE
    statement = json.loads(path.read_text(encoding="utf-8"))
    for number, (place, _, _) in enumerate(list(leaves_of(statement))):
        altered = copy.deepcopy(statement)
        _, container, key = list(leaves_of(altered))[number]
        container[key] = f"{container[key]}x"
        path.write_bytes(file_of(altered, None))
        found = verify_report(folder, None, None)
        places = [problem.where for problem in (*found.refusals, *found.doubts)]
        if ".files[" in place:
            # A digest, or a name, that no file of the folder has.
            assert any((folder / name).exists() for name in places), place
        elif place.endswith(".version") and "tool" not in place:
            assert [problem.code for problem in found.doubts] == ["FA432"]
        else:
            assert places == [f"{ATTESTATION_FILE}: {place}"]


def _rewritten(change: Callable[[Any], Any]) -> Alteration:
    def alter(folder: Path) -> None:
        path = folder / ATTESTATION_FILE
        document = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(change(document), indent=2) + "\n", encoding="utf-8")

    return alter


def _bytes(change: Callable[[bytes], bytes]) -> Alteration:
    def alter(folder: Path) -> None:
        path = folder / ATTESTATION_FILE
        path.write_bytes(change(path.read_bytes()))

    return alter


def _linked(target: str) -> Alteration:
    def alter(folder: Path) -> None:
        (folder / "summary.md").unlink()
        (folder / "summary.md").symlink_to(target)

    return alter


def _replaced_by_a_link(folder: Path) -> None:
    # The same bytes, but somewhere else, where they can be changed later.
    (folder / "summary.md").rename(folder.parent / "summary.md")
    (folder / "summary.md").symlink_to(folder.parent / "summary.md")


def _linked_directory(folder: Path) -> None:
    (folder / "artifacts").rename(folder.parent / "artifacts")
    (folder / "artifacts").symlink_to(folder.parent / "artifacts")


def _payload(document: Any) -> Any:
    return document | {"payload": document["payload"][:-8]}


ALTERATIONS: dict[str, tuple[Alteration, str]] = {
    "a missing file": (lambda folder: (folder / "summary.md").unlink(), "summary.md"),
    "an additional file": (lambda folder: (folder / "artifacts/x.json").write_text("{}"), "artifacts/x.json"),
    "a used marker": (lambda folder: (folder / ".flink-agents-run").write_text("x"), ".flink-agents-run"),
    "a file that is a link": (_replaced_by_a_link, "summary.md"),
    "a link that leaves": (_linked("../../shop.py"), "summary.md"),
    "a link within": (_linked("verdict.json"), "summary.md"),
    "a directory that is a link": (_linked_directory, "artifacts"),
    "a FIFO": (lambda folder: os.mkfifo(folder / "pipe"), "pipe"),
    "a cut envelope": (_bytes(lambda data: data[: len(data) // 2]), ATTESTATION_FILE),
    "an empty envelope": (_bytes(lambda _: b""), ATTESTATION_FILE),
    "a byte more": (_bytes(lambda data: data + b"\n"), ATTESTATION_FILE),
    "other white space": (_bytes(lambda data: json.dumps(json.loads(data)).encode()), ATTESTATION_FILE),
    "a key twice": (_bytes(lambda data: data.replace(b"{", b'{\n  "payloadType": "x",', 1)), ATTESTATION_FILE),
    "half of a surrogate pair": (_bytes(lambda data: data.replace(b"in-toto", b"in-tot\\ud800", 1)), ATTESTATION_FILE),
    "a number that is none": (_bytes(lambda data: data.replace(b"{", b'{"x": NaN,', 1)), ATTESTATION_FILE),
    "no object": (_bytes(lambda _: b"[]\n"), ATTESTATION_FILE),
    "deep nesting": (_bytes(lambda _: b"[" * 100_000), ATTESTATION_FILE),
    "no signature": (_rewritten(lambda document: document | {"signatures": []}), ATTESTATION_FILE),
    "two signatures": (_rewritten(lambda one: one | {"signatures": one["signatures"] * 2}), ATTESTATION_FILE),
    "another type": (_rewritten(lambda document: document | {"payloadType": "text/plain"}), ATTESTATION_FILE),
    "a cut payload": (_rewritten(_payload), ATTESTATION_FILE),
    "a field more": (_rewritten(lambda document: document | {"note": "harmless"}), ATTESTATION_FILE),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_other_alterations_are_refused_and_named(
    name: str, attested: Callable[..., Path], signer: Signer, keys: tuple[Path, Path]
) -> None:
    alter, where = ALTERATIONS[name]
    folder = attested(signer)
    alter(folder)
    assert [place for place, _ in refusals(folder, keys[1])] == [where] or name == "a directory that is a link"
    assert refusals(folder, keys[1])[0][0] == where


def test_another_key_and_a_missing_signature_are_refused(
    attested: Callable[..., Path], signer: Signer, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = attested(signer)
    other = write_keys(tmp_path, KEYS["ed25519"](), "other")[1]
    assert refusals(folder, other) == [(ATTESTATION_FILE, "another key is named: signatures[0].keyid")]
    renamed = _rewritten(
        lambda one: one | {"signatures": [one["signatures"][0] | {"keyid": read_verifier(other).key_id}]}
    )
    renamed(folder)
    message = "the signature is not that of the key and this statement: signatures[0].sig"
    assert refusals(folder, other) == [(ATTESTATION_FILE, message)]
    # Whoever removes the signature cannot pass for a signer.
    assert refusals(attested(), keys[1]) == [(ATTESTATION_FILE, "the attestation is not signed")]


def test_a_report_that_was_made_again_by_another_is_refused(
    attested: Callable[..., Path], signer: Signer, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    from pytest_flink_agents.attestation import read_signer, write_attestation

    folder = attested(signer)
    verdict = folder / "verdict.json"
    verdict.write_text(verdict.read_text(encoding="utf-8").replace("strict", "lax"), encoding="utf-8")
    write_attestation(folder, None)
    assert refusals(folder) == [], "without a key nobody knows who wrote it"
    assert [message for _, message in refusals(folder, keys[1])] == ["the attestation is not signed"]
    write_attestation(folder, read_signer(str(write_keys(tmp_path, KEYS["P-256"](), "mine")[0]), Path(), {}))
    assert [message for _, message in refusals(folder, keys[1])] == ["another key is named: signatures[0].keyid"]


def test_a_report_of_another_version_is_not_refused_but_unclear(attested: Callable[..., Path]) -> None:
    folder = attested()
    report, path = folder / "report.json", folder / ATTESTATION_FILE
    report.write_text(report.read_text(encoding="utf-8").replace('"named_tiers"', '"tiers_named"'), encoding="utf-8")
    statement = json.loads(path.read_text(encoding="utf-8"))
    (file,) = [one for one in statement["predicate"]["flinkAgentsGate"]["files"] if one["name"] == "report.json"]
    file["digest"]["sha256"] = hashlib.sha256(report.read_bytes()).hexdigest()
    path.write_bytes(file_of(statement, None))
    found = verify_report(folder, None, None)
    assert (found.refusals, [problem.code for problem in found.doubts]) == ((), ["FA439"])


def test_each_file_of_the_project_counts(attested: Callable[..., Path], project: Path) -> None:
    folder = attested()
    for name in ("shop.py", "s.scenario.yaml", "conf/config.yaml", "policy.yaml"):
        before = (project / name).read_bytes()
        (project / name).write_bytes(before + b" ")
        assert refusals(folder, None, project) == [(str(project / name), "the file is not the one that was tested")]
        (project / name).unlink()
        assert len(refusals(folder, None, project)) == 1
        (project / name).write_bytes(before)
    assert refusals(folder, None, project) == []


def test_code_of_the_project_that_was_not_tested_is_refused(attested: Callable[..., Path], project: Path) -> None:
    folder = attested()
    for name in ("notes.txt", ".hidden.py", "flink-agents-report/other/x.py"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).touch()
    assert refusals(folder, None, project) == []
    (project / "requests.py").touch()
    assert refusals(folder, None, project) == [
        (str(project / "requests.py"), "the job may load this code, which was not tested")
    ]


def test_the_exit_code_says_verified_refused_or_unknown(
    attested: Callable[..., Path], signer: Signer, keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> tuple[int, str]:
        code = main(["verify", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    folder = attested(signer)
    code, text = run(folder, "--key", keys[1])
    assert (code, text.splitlines()[0]) == (0, "VERIFIED  the verdict is promote")
    assert f"signed by the key {signer.key_id}" in text
    code, text = run(folder)
    assert (code, "CANNOT TELL" in text, "--key=FILE" in text) == (10, True, True)
    code, text = run(folder, "--key", folder / "none.pub")
    assert (code, "FA431" in text) == (10, True)
    code, text = run(folder.parent / "elsewhere")
    assert (code, "FA432: there is no attestation to verify" in text) == (10, True)
    (folder / "verdict.json").write_text("{}", encoding="utf-8")
    code, text = run(folder, "--key", keys[1], "--json")
    answer = json.loads(text)
    assert (code, answer["answer"], answer["refusals"][0]["where"]) == (1, "refused", "verdict.json")


def test_judge_believes_no_report_that_the_key_did_not_sign(
    attested: Callable[..., Path],
    signer: Signer,
    keys: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = attested(signer)
    policy = 'version: "1"\ndefault: one\nprofiles: {one: {}}\n'
    (tmp_path / "flink-agents-policy.yaml").write_text(policy, encoding="utf-8")
    key = f"--key={keys[1]}"
    assert main(["judge", str(folder), key]) == 0
    report = folder / "report.json"
    for word in ("failed", "passed "):
        report.write_text(report.read_text(encoding="utf-8").replace('"passed"', f'"{word}"'), encoding="utf-8")
        capsys.readouterr()
        assert main(["judge", str(folder), key]) == 10
        text = capsys.readouterr().out
        assert text.startswith("INCONCLUSIVE  nothing ran")
        assert "report: the stored run cannot be trusted: report.json: FA433: the file was altered" in text
