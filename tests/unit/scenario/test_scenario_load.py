"""Loading of valid scenarios, and the files that they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pydantic import ValidationError

from flink_testbed.core.problem import Problem
from flink_testbed.models.script import parse_script
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.input_forms import FileInputs, InlineInput, PackageInputs
from pytest_flink_agents.scenario.load import LoadedScenario, load_file, load_files
from pytest_flink_agents.scenario.subjects import JavaAgent, PlanAgent, YamlAgent

Load: TypeAlias = Callable[..., LoadedScenario]
Problems: TypeAlias = Callable[[str], list[Problem]]

FULL = """\
version: "1"
name: refund is approved once
description: |
  A refund under the limit
  is approved.
tags: [refunds, money]
severity: warn
requirement: REQ-17
owner: payments-qa
agent: {yaml: agents.yaml, name: refunds}
requirements: requirements.txt
resources:
  chat_model_connections:
    - {name: ollama_server, clazz: ollama, base_url: "${llm.ollama_url}"}
tiers: [local, embedded]
flink: ">=1.20.3,<2.3"
config: {error-handling-strategy: retry, max-retries: 3, region: "${env.REGION}"}
llm:
  mode: scripted
  script:
    - when: {contains: refund, role: user, system_contains: shop, model: qwen, regex: "o-[0-9]"}
      reply: {tool_calls: [{name: pay_back, arguments: {order: "o-1", amount: 20}}]}
      usage: {prompt_tokens: 41, completion_tokens: 9}
    - {when: {contains: slow}, fault: {delay: 2s}, times: 1}
    - {when: {contains: busy}, fault: {status: 429, retry_after: 500ms}, times: 2}
    - {fault: {truncate: true}, reply: {json: {ok: [1, null]}}}
    - {reply: {text: ""}}
inputs:
  - {key: "c-1", value: {order: "o-1"}}
  - {from: data/orders.jsonl, key: order.id, value: order, limit: 5}
  - {package: shop.testdata, file: more.jsonl, key: id}
expect:
  outputs:
    - {key: "c-1", value: {status: {regex: "^appr"}, amount: 20}}
    - {key: 7, value: {any_value: true}}
  order: strict
  failure: {contains: max retries}
within: 1.5m
config_extra: true
expect_fail: {reason: "upstream #1084", until: 2027-01-31, check: outputs, failure: {contains: denied}, owner: qa}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("data/orders.jsonl", "agents.yaml", "plan.json", "agents.jar", "requirements.txt"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_full_scenario_keeps_every_value(project: Path, load: Load) -> None:
    loaded = load(FULL, allowed_env=("REGION",))
    scenario = loaded.scenario
    assert scenario.name == "refund is approved once"
    assert scenario.description == "A refund under the limit\nis approved.\n"
    assert (scenario.tags, scenario.severity) == (("refunds", "money"), "warn")
    assert (scenario.requirement, scenario.owner) == ("REQ-17", "payments-qa")
    assert scenario.agent == YamlAgent(yaml="agents.yaml", name="refunds")
    assert scenario.requirements == "requirements.txt"
    assert scenario.tiers == ("local", "embedded")
    assert scenario.config == {"error-handling-strategy": "retry", "max-retries": 3, "region": "${env.REGION}"}
    assert scenario.resources.sections() == {
        "chat_model_connections": [{"name": "ollama_server", "clazz": "ollama", "base_url": "${llm.ollama_url}"}]
    }
    assert [type(one) for one in scenario.inputs] == [InlineInput, FileInputs, PackageInputs]
    assert scenario.within == 90.0
    assert scenario.expect.order == "strict"
    assert scenario.expect_fail is not None
    assert (scenario.expect_fail.until, scenario.expect_fail.owner) == ("2027-01-31", "qa")
    assert scenario.expect_fail.check == "outputs"
    assert loaded.waived_failure is not None
    assert loaded.waived_failure.match("status: denied") == []
    assert (loaded.file, loaded.root) == (project.resolve() / "x.scenario.yaml", project.resolve())
    assert loaded.path("data/orders.jsonl") == project.resolve() / "data/orders.jsonl"


def test_optional_keys_have_defaults(load: Load, sound: str) -> None:
    loaded = load(sound)
    scenario = loaded.scenario
    assert (scenario.severity, scenario.expect.order, scenario.within) == ("block", "per_key", 60.0)
    assert (scenario.tags, scenario.tiers, scenario.flink, scenario.llm) == ((), None, None, None)
    assert (scenario.config, scenario.resources.sections(), scenario.description) == ({}, {}, "")
    assert (loaded.failure, scenario.expect_fail, scenario.requirements) == (None, None, None)


def test_the_matchers_are_ready(project: Path, load: Load) -> None:
    loaded = load(FULL, allowed_env=("REGION",))
    assert loaded.outputs is not None
    first, second = loaded.outputs
    assert first.key.match("c-1") == []
    (mismatch,) = first.value.match({"status": "denied", "amount": 20})
    assert mismatch.path == ("expect", "outputs", 0, "value", "status", "regex")
    assert loaded.document.lines(mismatch.path) == [(34, FULL.splitlines()[33])]
    assert second.key.match(7) == []
    assert second.value.match("whatever") == []
    assert loaded.failure is not None
    assert loaded.failure.match("gave up: max retries reached") == []
    assert loaded.failure.match("out of memory") != []


def test_an_empty_list_of_outputs_differs_from_none(load: Load, sound: str) -> None:
    head = sound[: sound.index("  outputs")]
    assert load(head + "  outputs: []\n").outputs == ()
    assert load(head + "  failure: {regex: retries$}\n").outputs is None


def test_the_model_server_reads_the_script_of_a_scenario(project: Path, load: Load) -> None:
    scenario = load(FULL, allowed_env=("REGION",)).scenario
    assert scenario.llm is not None
    rules = parse_script(scenario.llm.rules()).rules
    assert rules[0].when.system_contains == "shop"
    assert rules[0].reply is not None
    assert rules[0].reply.tool_calls[0].arguments == {"order": "o-1", "amount": 20}
    assert rules[0].usage is not None
    assert rules[1].fault is not None
    assert (rules[1].fault.delay_s, rules[1].times) == (2.0, 1)
    assert rules[2].fault is not None
    assert (rules[2].fault.status, rules[2].fault.retry_after_s) == (429, 0.5)
    assert rules[3].reply is not None
    assert rules[3].reply.text == '{"ok": [1, null]}'
    assert rules[4].reply is not None


@pytest.mark.parametrize(
    ("written", "seconds"), [("500ms", 0.5), ("2s", 2.0), ("1m", 60.0), ("0.5s", 0.5), ("1.5m", 90.0)]
)
def test_durations_are_seconds(written: str, seconds: float, load: Load, sound: str) -> None:
    assert load(f"{sound}within: {written}\n").scenario.within == seconds


@pytest.mark.parametrize(
    ("written", "yes", "no"),
    [
        ('">=1.20.3"', ["1.20.3", "2.2.1"], ["1.20.2"]),
        ('"2.2"', ["2.2", "2.2.0", "2.2.1"], ["2.1.3", "2.3.0", "2.20.0"]),
        ('"1.20"', ["1.20.5"], ["1.2.0"]),
        ('">=1.20,<2.1"', ["2.0.2"], ["2.1.0"]),
        ("2.2.1", ["2.2.1"], ["2.2.0"]),
    ],
)
def test_flink_versions_are_compared_as_versions(
    written: str, yes: list[str], no: list[str], load: Load, sound: str
) -> None:
    scenario = load(f"{sound}flink: {written}\n").scenario
    assert [version for version in yes if not scenario.allows_flink(version)] == []
    assert [version for version in no if scenario.allows_flink(version)] == []


def test_a_scenario_without_flink_is_for_all(load: Load, sound: str) -> None:
    assert load(sound).scenario.allows_flink("1.20.3")


@pytest.mark.parametrize(
    ("written", "agent"),
    [
        ("shop.agents:RefundAgent", "shop.agents:RefundAgent"),
        ("agents:A", "agents:A"),
        ("{plan: plan.json}", PlanAgent(plan="plan.json")),
        ("{plan: plan.json, jar: agents.jar}", PlanAgent(plan="plan.json", jar="agents.jar")),
        ("{jar: agents.jar, class: shop.A}", JavaAgent(jar="agents.jar", **{"class": "shop.A"})),
    ],
)
def test_forms_of_an_agent(written: str, agent: Any, project: Path, load: Load, sound: str) -> None:
    assert load(sound.replace("shop.agents:RefundAgent", written)).scenario.agent == agent


def test_requirements_as_a_list(load: Load, sound: str) -> None:
    scenario = load(sound + "requirements: ['pandas==2.2.3', 'numpy>=1; python_version > \"3.9\"']\n").scenario
    assert scenario.requirements == ("pandas==2.2.3", 'numpy>=1; python_version > "3.9"')


def test_scenarios_are_frozen(load: Load, sound: str) -> None:
    with pytest.raises(ValidationError):
        load(sound).scenario.name = "other"  # type: ignore[misc]


def test_several_scenarios_in_a_file(tmp_path: Path, sound: str) -> None:
    file = tmp_path / "two.scenario.yaml"
    file.write_text(f"{sound}---\n{sound.replace('once', 'twice')}")
    first, second = load_file(file, Project(tmp_path))
    assert [first.scenario.name, second.scenario.name] == ["refund is approved once", "refund is approved twice"]
    assert (first.document.index, second.document.index) == (0, 1)
    assert second.document.lines(("name",)) == [(11, "name: refund is approved twice")]


def test_a_duplicate_name_refers_to_the_first_one(problems: Problems, sound: str) -> None:
    (problem,) = problems(f"{sound}---\n{sound}")
    assert (problem.where, problem.code, problem.seen) == ("x.scenario.yaml:11:7", "FA208", "the same name in line 2")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["combination second", "combination first"])
def test_the_name_of_a_combination_is_a_name(problems: Problems, sound: str, order: tuple[int, int]) -> None:
    name = "refund is approved once"
    varied = f"{sound}tags: ['${{matrix.size}}']\nmatrix: {{size: [small, large]}}\n"
    documents = (sound.replace(name, f"{name}[size=large]"), varied)
    (problem,) = problems("---\n".join(documents[index] for index in order))
    assert (problem.code, problem.seen) == ("FA208", "the same name in line 2")
    assert problem.message == f'the name "{name}[size=large]" is taken in this file'


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, sound: str) -> None:
    for name, text in (("a", sound), ("b", "a: ["), ("c", sound), ("d", sound.replace("agent:", "agnt:"))):
        (tmp_path / f"{name}.scenario.yaml").write_text(text)
    paths = [tmp_path / f"{name}.scenario.yaml" for name in "abcde"]
    loaded, problems = load_files(paths, Project(tmp_path))
    assert [one.document.file for one in loaded] == ["a.scenario.yaml", "c.scenario.yaml"]
    assert [(problem.where, problem.code) for problem in problems] == [
        ("b.scenario.yaml:2:1", "FA201"),
        ("d.scenario.yaml:3:1", "FA202"),
        ("e.scenario.yaml", "FA206"),
    ]


def test_a_file_in_a_folder_is_shown_from_the_root(tmp_path: Path, sound: str) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (tmp_path / "requirements.txt").touch()
    file = folder / "x.scenario.yaml"
    file.write_text(sound + "requirements: ../requirements.txt\n")
    (loaded,) = load_file(file, Project(tmp_path))
    assert loaded.document.file == "scenarios/x.scenario.yaml"
    assert loaded.path("../requirements.txt") == tmp_path.resolve() / "requirements.txt"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/passwd", "a path must be relative"),
        ("../outside.txt", "the path leaves the project"),
        ("link.txt", "the path leaves the project"),
        ("folder/../../outside.txt", "the path leaves the project"),
        ("folder", "folder is not a regular file"),
        ("gone.txt", "no file gone.txt"),
        ("x" * 5000, "the path cannot be resolved"),
        ('"a\\0b"', "a path must be relative"),
    ],
)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("agent: shop.agents:RefundAgent", "agent: {{yaml: {}, name: a}}"),
        ("agent: shop.agents:RefundAgent", "agent: {{plan: {}}}"),
        ("agent: ", "requirements: {}\nagent: "),
        ('{key: "c-1", value: {order: "o-1", amount: 20}}', "{{from: {}, key: id}}"),
    ],
)
def test_paths_stay_in_the_project(path: str, message: str, old: str, new: str, tmp_path: Path, sound: str) -> None:
    root = tmp_path / "project"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "outside.txt").touch()
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    file = root / "x.scenario.yaml"
    file.write_text(sound.replace(old, new.format(path), 1))
    with pytest.raises(ScenarioError) as caught:
        load_file(file, Project(root, import_roots=(tmp_path,)))
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("FA206", message)
    assert problem.where.startswith("x.scenario.yaml:")


def test_a_missing_file_suggests_the_nearest_name(problems: Problems, project: Path, sound: str) -> None:
    (problem,) = problems(sound.replace("shop.agents:RefundAgent", "{plan: plam.json}"))
    assert problem.next_step == 'did you mean "plan.json"?'


def test_a_file_that_disappears_after_loading_is_a_scenario_error(project: Path, load: Load) -> None:
    loaded = load(FULL, allowed_env=("REGION",))
    (project / "data/orders.jsonl").unlink()
    with pytest.raises(ScenarioError, match=r"FA206: no file data/orders\.jsonl"):
        loaded.path("data/orders.jsonl")


@pytest.mark.parametrize("kind", ["FIFO", "directory", "loop of links", "link outside", "/dev/zero"])
def test_a_scenario_that_is_not_a_regular_file_of_the_project_is_not_opened(
    kind: str, tmp_path: Path, sound: str
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.yaml").write_text(sound)
    file = root / "x.scenario.yaml"
    if kind == "FIFO":
        os.mkfifo(file)
    elif kind == "directory":
        file.mkdir()
    else:
        file.symlink_to({"loop of links": file, "link outside": tmp_path / "outside.yaml"}.get(kind, Path(kind)))
    with pytest.raises(ScenarioError) as caught:
        load_file(file, Project(root))
    (problem,) = caught.value.problems
    assert problem.code == "FA206"
    assert "Traceback" not in problem.render()


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("[pandas==2.2.3, numpy]", ("pandas==2.2.3", "numpy")),
        ("reqs.txt", ("pandas==2.2.3 --hash=sha256:ab", "numpy")),
    ],
)
def test_requirements_are_lines_whatever_their_form(
    written: str, lines: tuple[str, ...], tmp_path: Path, load: Load, sound: str
) -> None:
    (tmp_path / "reqs.txt").write_text("# a\npandas==2.2.3 \\\n  --hash=sha256:ab\n\nnumpy  # b\n")
    assert load(f"{sound}requirements: {written}\n").requirements() == lines
    assert load(sound).requirements() == ()
