"""The identity of a session: one changed byte in any part of what was tested is another identity."""

from __future__ import annotations

import os
import py_compile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest

from flink_testbed.artifacts.environments import package_digests
from pytest_flink_agents.identity import Identity, added_code, editable_of, files_of
from pytest_flink_agents.report.directory import run_folder_name
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.session import GateSession
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import RequirementKind

SCENARIO = """version: "1"
name: {name}
agent: {agent}
{job}config_file: conf/config.yaml
include: [common.yaml]
inputs: [{{key: a, value: 1}}]
expect: {{outputs: []}}
"""
FILES = {
    "suite/class.scenario.yaml": SCENARIO.format(name="a", agent="shop.agents:Refund", job="")
    .replace("conf/", "../conf/")
    .replace("common", "../common")
    + "requirements: [-e ../tools]\n",
    "more/pinned.scenario.yaml": SCENARIO.format(name="i", agent="shop.agents:Refund", job="")
    .replace("conf/", "../conf/")
    .replace("common", "../common")
    + "requirements: pinned.txt\n",
    "more/pinned.txt": "-r constraints/all.txt\n",
    "constraints/all.txt": "pandas==2.2.3\n",
    "plan.scenario.yaml": SCENARIO.format(name="b", agent="{plan: plan.json}", job=""),
    "yaml.scenario.yaml": SCENARIO.format(name="c", agent="{yaml: agents.yaml, name: refund}", job=""),
    "java.scenario.yaml": SCENARIO.format(name="d", agent="shop.agents:Refund", job="")
    + "config: {java: {class-path: [libs/prices.jar, target/classes]}}\n",
    "upgrade.scenario.yaml": SCENARIO.format(name="e", agent="shop.agents:Refund", job="").replace(
        "outputs: []", "delivery: {outputs: exactly_once}"
    )
    + "tiers: [embedded]\nupgrade: {from: {agent: {plan: old.json}, savepoint: stored}}\n",
    "job.scenario.yaml": SCENARIO.format(
        name="f", agent="", job='job: {jar: new.jar, args: ["${input.topic}", "${output.topic}"]}\n'
    )
    .replace("agent: \n", "")
    .replace("outputs: []", "delivery: {outputs: exactly_once}")
    + "tiers: [embedded]\nupgrade: {from: {job: {python: before/old.py}}, after: {outputs: 1}}\n",
    "commit.scenario.yaml": SCENARIO.format(
        name="g", agent="", job='job: {jar: new.jar, args: ["${input.topic}", "${output.topic}"]}\n'
    )
    .replace("agent: \n", "")
    .replace("outputs: []", "delivery: {outputs: exactly_once}")
    + "tiers: [embedded]\nupgrade: {from: {git: v1, job: {jar: gone.jar}}, after: {outputs: 1}}\n",
    "data.scenario.yaml": SCENARIO.format(name="h", agent="shop.agents:Refund", job="").replace(
        "{key: a, value: 1}",
        "{from: data/orders.jsonl, key: id}, {package: shop.deep, file: returns.jsonl, key: id}, "
        "{package: installed.elsewhere, file: orders.jsonl, key: id}",
    ),
    "data/orders.jsonl": '{"id": 1}\n',
    "shop/deep/returns.jsonl": '{"id": 1}\n',
    "new.jar": "PK",
    "before/old.py": "pass\n",
    "libs/prices.jar": "PK",
    "target/classes/Shop.class": "class",
    "old.json": '{"actions": {}, "actions_by_event": {}, "config": {}}\n',
    "stored/_metadata": "state",
    "common.yaml": "tags: [shared]\n",
    "conf/config.yaml": "parallelism.default: 2\n",
    "plan.json": '{"actions": {}, "actions_by_event": {}, "config": {}}\n',
    "agents.yaml": "agents:\n  - name: refund\n    actions: []\n",
    "shop/__init__.py": "",
    "shop/agents.py": "class Refund: ...\n",
    "shop/prices.csv": "tea,3\n",
    "shop/deep/rules.py": "RATE = 2\n",
    "beside.py": "X = 1\n",
    "src/lib.py": "Y = 1\n",
    "shop/fast.so": "ELF",
    "compiled.pyc": "no source",
    "tagged/CACHEDIR.TAG": "a package, for it has code",
    "tagged/rules.py": "RATE = 2\n",
    # Nothing but their place hides them: they can be imported by name.
    "node_modules/shop/rules.py": "RATE = 2\n",
    "shop/__pycache__/rules.py": "RATE = 2\n",
    "shop/__pycache__/compiled.pyc": "no source",
    "venv/lib/rules.py": "RATE = 2\n",
    "venv/lib64/rules.py": "RATE = 2\n",
    "env/shop/rules.py": "RATE = 2\n",
    "cached/shop/rules.py": "RATE = 2\n",
    "cached/fast.so": "ELF",
    # An editable requirement.
    "../tools/src/tool.py": "Z = 1\n",
    # Links, see root().
    "linked/rules.py": "RATE = 2\n",
    "../archive.zip": "PK",
}
NOT_TESTED = (
    "out.log",
    "docs/page.md",
    "flink-agents-report/20261201T043354Z-b66def/x.py",
    ".venv/lib.py",
    "shop/__pycache__/agents.cpython-311.pyc",
    "venv/lib/python3.11/site-packages/module.py",
    "venv/bin/activate_this.py",
    "env/data/prices.csv",
    "node_modules/left-pad/binding.py",
    "bazel-out/module.py",
    "flink-agents-policy.yaml",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, place in (("linked", "elsewhere"), ("bazel-out", "built")):
        (tmp_path / place).mkdir()
        root.mkdir(exist_ok=True)
        (root / name).symlink_to(tmp_path / place)
    for name in (*FILES, *NOT_TESTED):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FILES.get(name, "1\n"), encoding="utf-8")
    for name in ("venv/pyvenv.cfg", "venv/bin/python", "env/pyvenv.cfg", "cached/CACHEDIR.TAG"):
        (root / name).touch()
    # A link that leads back.
    (root / "shop" / "again").symlink_to(root)
    return root


@pytest.fixture
def settings(root: Path) -> Settings:
    return Settings(
        root,
        (root / "src", root.parent / "archive.zip"),
        report_dir=root / "flink-agents-report",
        policy=root / "flink-agents-policy.yaml",
    )


def scenarios_of(root: Path) -> list[LoadedScenario]:
    project = Project(root, (root / "src",), requirement_kinds=(RequirementKind.EDITABLE, RequirementKind.FILE))
    return [one for file in sorted(root.rglob("*.scenario.yaml")) for one in load_file(file, project)]


@pytest.fixture
def identify(root: Path, settings: Settings) -> Callable[[], Identity]:
    return lambda: files_of(scenarios_of(root), settings)


def test_every_file_of_what_is_tested_is_named(identify: Callable[[], Identity]) -> None:
    identity = identify()
    of_scenarios = {name for name in FILES if ".scenario." in name or name.endswith(".jsonl")} | {"common.yaml"}
    of_scenarios |= {"more/pinned.txt", "constraints/all.txt"}
    assert set(identity.scenarios) == of_scenarios
    assert set(identity.configurations) == {"conf/config.yaml"}
    others = set(FILES) - set(identity.scenarios) - set(identity.configurations)
    assert set(identity.subjects) == others


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_another_identity(name: str, root: Path, identify: Callable[[], Identity]) -> None:
    before = identify()
    with (root / name).open("a", encoding="utf-8") as file:
        file.write(" " if name.endswith(".json") else "#")
    after = identify()
    assert after.digest() != before.digest()
    assert identify().digest() == after.digest()
    is_data = name.endswith((".csv", ".json", ".class", "_metadata", ".TAG"))
    assert before.changed(root) == ([] if is_data else [name])


@pytest.mark.parametrize("name", NOT_TESTED)
def test_what_no_job_loads_does_not_count(name: str, root: Path, identify: Callable[[], Identity]) -> None:
    before = identify().digest()
    (root / name).write_text("2\n", encoding="utf-8")
    assert identify().digest() == before


def test_a_new_and_a_missing_file_are_another_identity(root: Path, identify: Callable[[], Identity]) -> None:
    before = identify()
    (root / "shop" / "more.py").touch()
    more = identify().digest()
    (root / "shop" / "deep" / "rules.py").unlink()
    assert len({before.digest(), more, identify().digest()}) == 3
    assert before.changed(root) == ["shop/deep/rules.py"]


def test_code_that_appears_is_named_and_data_is_not(
    root: Path, settings: Settings, identify: Callable[[], Identity]
) -> None:
    before = identify()
    assert added_code(before, settings) == []
    for name in (
        "shop/more.csv",
        "flink-agents-report/20261201T043354Z-b66def/y.py",
        "shop/more.py",
        "linked/more.so",
        "more.pyc",
    ):
        (root / name).touch()
    assert sorted(added_code(before, settings)) == ["linked/more.so", "more.pyc", "shop/more.py"]
    assert added_code(Identity(subjects={"new.jar": "sha256:0"}), settings) == []


@pytest.mark.parametrize("place", [".", "shop", "reports"])
def test_a_directory_of_reports_hides_no_code(place: str, root: Path, settings: Settings) -> None:
    settings = replace(settings, report_dir=root / place)
    before = files_of(scenarios_of(root), settings)
    assert "shop/agents.py" in before.subjects
    run, more = root / place / run_folder_name(), root / place / "more.py"
    for path in (run / "x.py", more):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    latest = root / place / "latest"
    latest.symlink_to(run.name)
    assert added_code(before, settings) == [os.path.relpath(more, root)]
    latest.unlink()
    latest.symlink_to(root / "shop" / "deep")
    assert os.path.relpath(latest / "rules.py", root) in added_code(before, settings)
    latest.unlink()
    own = root / "merged" / "artifacts" / "x.py"
    own.parent.mkdir(parents=True)
    own.touch()
    assert added_code(before, settings, report=root / "merged") == [os.path.relpath(more, root)]


@pytest.mark.parametrize("made", ["requests/__init__.py", "build/lib/src/__init__.py"])
def test_the_initial_module_of_an_import_root_is_copied_only_under_its_full_name(
    made: str, root: Path, settings: Settings, identify: Callable[[], Identity]
) -> None:
    (root / "src" / "__init__.py").touch()
    before = identify()
    (root / made).parent.mkdir(parents=True)
    (root / made).touch()
    assert added_code(before, settings) == ([made] if made.startswith("requests") else [])


COPIES = {
    "of a package": ("shop/agents.py", "build/lib/shop/agents.py", False),
    "of a module in pythonpath": ("src/lib.py", "build/lib/lib.py", False),
    "of an editable requirement": ("../tools/src/tool.py", "build/lib/src/tool.py", False),
    "with another content": ("beside.py", "build/lib/shop/agents.py", True),
    "under another name": ("shop/agents.py", "build/lib/shop/other.py", True),
    "in another package": ("shop/agents.py", "build/lib/agents.py", True),
    "in the root": ("src/lib.py", "lib.py", True),
    "beside tested code": ("beside.py", "shop/beside.py", True),
    "of what was not tested": ("shop/deep/rules.py", "build/lib/shop/deep/rules.py", True),
}


@pytest.mark.parametrize("name", COPIES)
def test_only_a_copy_of_tested_code_below_a_new_directory_is_no_added_code(
    name: str, root: Path, settings: Settings, identify: Callable[[], Identity]
) -> None:
    source, copy, counts = COPIES[name]
    editable = [str(root.parent / "tools")]
    before = identify()
    (root / "shop" / "deep" / "rules.py").write_text("RATE = 3\n", encoding="utf-8")
    (root / copy).parent.mkdir(parents=True, exist_ok=True)
    (root / copy).write_bytes((root / source).read_bytes())
    assert added_code(before, settings, editable) == ([copy] if counts else [])


def test_code_that_appears_in_an_editable_requirement_is_named(
    root: Path, settings: Settings, identify: Callable[[], Identity]
) -> None:
    before = identify()
    editable = [*map(str, editable_of((), replace(settings, requirements=(f"-e {root.parent / 'tools'}",))))]
    assert added_code(before, settings, editable) == []
    (root.parent / "tools" / "src" / "more.py").touch()
    assert added_code(before, settings, editable) == ["../tools/src/more.py"]


def test_code_that_appears_in_an_editable_requirement_of_a_single_scenario_is_named(
    root: Path, settings: Settings
) -> None:
    (root / "flink-agents-policy.yaml").unlink()
    session = GateSession(replace(settings, policy=None), lambda _: None)
    # One call for each worker that has collected.
    session.add_scenarios(scenarios_of(root))
    session.add_scenarios([])
    (root.parent / "tools" / "src" / "more.py").touch()
    verdict = session.conclude(0)
    (changed,) = [each.message for each in verdict.reasons if each.rule == "identity"]
    assert changed.startswith("../tools/src/more.py ")


def test_a_compiled_file_counts_if_python_does_not_compare_it_with_its_source(
    root: Path, identify: Callable[[], Identity]
) -> None:
    before = identify()
    source = root / "shop" / "agents.py"
    for mode in PycInvalidationMode:
        py_compile.compile(os.fspath(source), invalidation_mode=mode, doraise=True)
        added = identify().subjects.keys() - before.subjects.keys()
        assert bool(added) == (mode is PycInvalidationMode.UNCHECKED_HASH)


def test_parts_policy_and_commit_are_part_of_the_digest() -> None:
    plain = Identity({"a.py": "1"}, parts={"2.2.1 engine bundled": "1", "2.2.1 package flink_agents-0.3.1": "1"})
    digests = {
        plain.digest("policy", "commit"),
        plain.digest("policy 2", "commit"),
        plain.digest("policy", "commit 2"),
        Identity({"a.py": "2"}, parts=plain.parts).digest("policy", "commit"),
        *(
            Identity(plain.subjects, parts={**plain.parts, part: "2"}).digest("policy", "commit")
            for part in plain.parts
        ),
    }
    assert len(digests) == 6


def test_a_package_has_another_digest_if_the_hash_of_one_of_its_files_has_changed(tmp_path: Path) -> None:
    record = tmp_path / "shop-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("shop/agents.py,sha256=abc,12\n", encoding="utf-8")
    (before,) = package_digests(tmp_path).items()
    record.write_text("shop/agents.py,sha256=abd,12\n", encoding="utf-8")
    (after,) = package_digests(tmp_path).items()
    assert (before[0], after[0]) == ("shop-1.0", "shop-1.0")
    assert before[1] != after[1]


def test_a_package_has_the_same_digest_wherever_and_whenever_it_was_installed(tmp_path: Path) -> None:
    record = tmp_path / "shop-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    code = "shop-1.0.dist-info/METADATA,sha256=abc,12\nshop/direct_url.json,sha256={code},2\n"
    notes = "shop-1.0.dist-info/direct_url.json,sha256={note},57\nshop-1.0.dist-info/uv_cache.json,sha256={note},137\n"
    digests: list[str] = []
    for note, digest in (("abc", "x"), ("abd", "x"), ("abd", "y")):
        record.write_text(code.format(code=digest) + notes.format(note=note), encoding="utf-8")
        digests += package_digests(tmp_path).values()
    assert digests[0] == digests[1]
    assert digests[1] != digests[2]


def test_a_file_of_unknown_digest_that_is_gone_has_changed(tmp_path: Path) -> None:
    gone = {"gone.py": ""}
    for identity in (Identity(subjects=gone), Identity(scenarios=gone), Identity(configurations=gone)):
        assert identity.changed(tmp_path) == ["gone.py"]


def test_processes_that_read_different_bytes_know_no_digest(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1", encoding="utf-8")
    merged = Identity({"a.py": "1", "b.csv": "1"}).merge(Identity({"a.py": "2", "b.csv": "1"}))
    assert merged.subjects == {"a.py": "", "b.csv": "1"}
    assert merged.changed(tmp_path) == ["a.py"]
