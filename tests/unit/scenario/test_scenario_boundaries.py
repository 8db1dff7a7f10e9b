"""The code, requirements and resources that a scenario may name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.boundary.requirement_lines import absolute_requirement, requirement_kind
from pytest_flink_agents.scenario.boundary.resource_classes import JAVA_ALIASES, PYTHON_CLASSES
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.vocabulary import RequirementKind

Load: TypeAlias = Callable[..., LoadedScenario]
Problems: TypeAlias = Callable[[str], list[Problem]]


def tool(function: str) -> str:
    return f"resources: {{tools: [{{name: t, function: {function!r}}}]}}\n"


def codes(found: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.where.removeprefix("x.scenario.yaml:")) for problem in found]


@pytest.mark.parametrize(
    "function",
    [
        "os:system",
        "subprocess:getoutput",
        "timeit:timeit",
        "shutil:rmtree",
        "os.path:join",
        "builtins:exec",
        "yaml:load",
        "shop.agents:os.system",
        "shop.agents:getoutput",
        "flink_agents.api.yaml.loader:yaml.load",
        "flink_agents_x:tool",
        "shop.gone:refund",
        "shop..agents:refund",
        "../evil:refund",
        "link:system",
    ],
)
def test_code_from_outside_the_project_is_refused(
    function: str, tmp_path: Path, sound: str, problems: Problems
) -> None:
    outside = tmp_path.with_name("outside.py")
    outside.write_text("def system(): ...")
    (tmp_path / "link.py").symlink_to(outside)
    assert codes(problems(sound + tool(function))) == [("FA214", "9:41")]


@pytest.mark.parametrize(
    "function", ["shop.tools:refund", "shop.agents:RefundAgent.pay", "shop.agents:refund", "flink_agents.x:Tools.add"]
)
def test_code_of_the_project_and_of_flink_agents_is_allowed(function: str, load: Load, sound: str) -> None:
    assert load(sound + tool(function)).scenario.resources.tools[0]["function"] == function


def test_naming_a_module_does_not_import_it(tmp_path: Path, load: Load, sound: str) -> None:
    (tmp_path / "bomb.py").write_text("raise SystemExit('imported')\nclass Agent: ...\n")
    assert load(sound.replace("shop.agents:RefundAgent", "bomb:Agent")).scenario.agent == "bomb:Agent"


def test_a_package_that_the_ini_allows_may_be_named(load: Load, sound: str) -> None:
    text = sound.replace("shop.agents:RefundAgent", "corp.agents:Desk")
    assert load(text, allowed_packages=("corp",)).scenario.agent == "corp.agents:Desk"
    with pytest.raises(ScenarioError, match=r"3:8: FA214: the project has no module corp.agents"):
        load(text, allowed_packages=("cor", "corp.agents.x"))


def test_modules_are_found_below_the_python_path(tmp_path: Path, load: Load, sound: str) -> None:
    source = tmp_path / "src"
    (source / "corp").mkdir(parents=True)
    (source / "corp/agents.py").touch()
    text = sound.replace("shop.agents:RefundAgent", "corp.agents:Desk")
    assert load(text, import_roots=(source,))
    with pytest.raises(ScenarioError, match="FA214"):
        load(text)


def test_a_mistyped_module_names_the_nearest(sound: str, problems: Problems) -> None:
    (problem,) = problems(sound.replace("shop.agents:", "shop.agnts:"))
    assert (problem.message, problem.next_step) == (
        "the project has no module shop.agnts",
        "did you mean shop.agents?",
    )


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("{vector_stores: [{name: a, clazz: os.path.Join}]}", [("FA214", "9:46")]),
        ("{chat_model_connections: [{name: a, clazz: olama}]}", [("FA216", "9:55")]),
        ("{chat_model_connections: [{name: a, clazz: bedrok, type: java}]}", [("FA216", "9:55")]),
        ("{chat_model_connections: [{name: a, clazz: ollama, baseurl: x}]}", [("FA216", "9:63")]),
        ("{chat_model_connections: [{name: a}]}", [("FA204", "9:38")]),
        ("{chat_model_connections: [{name: a, clazz: 5}]}", [("FA203", "9:55")]),
        ("{chat_model_setups: [{name: a, clazz: ollama, allowed_commands: [rm]}]}", [("FA214", "9:76")]),
        ("{chat_model_setups: [{name: a, clazz: ollama, allowed_script_dirs: [/bin]}]}", [("FA206", "9:80")]),
        ("{skills: [{name: a, paths: [../x, /etc]}]}", [("FA206", "9:40"), ("FA206", "9:46")]),
        ("{skills: [{name: a, urls: ['http://127.0.0.1/x.zip']}]}", [("FA214", "9:39")]),
        ("{skills: [{name: a, package: [{package: os, resource: x}]}]}", [("FA214", "9:52")]),
        ("{tools: [{name: a, funktion: x}]}", [("FA202", "9:31")]),
        ("{prompts: [{name: a, txt: x}]}", [("FA202", "9:33")]),
    ],
)
def test_an_invalid_resource_is_refused_at_its_place(
    added: str, expected: list[tuple[str, str]], sound: str, problems: Problems
) -> None:
    assert codes(problems(f"{sound}resources: {added}\n")) == expected


def test_a_mistyped_argument_names_the_nearest_one(sound: str, problems: Problems) -> None:
    (problem,) = problems(sound + "resources:\n  chat_model_connections: [{name: a, clazz: ollama, baseurl: x}]\n")
    assert problem.render() == (
        'x.scenario.yaml:10:53: FA216: unknown argument "baseurl" in resources.chat_model_connections[0]\n'
        "  expected: one of name, clazz, type, base_url, request_timeout\n"
        '  seen:     "baseurl"\n'
        '  next:     did you mean "base_url"?'
    )


@pytest.mark.parametrize(
    "added",
    [
        "{chat_model_connections: [{name: a, clazz: ollama, base_url: x, request_timeout: 5}]}",
        "{chat_model_connections: [{name: a, clazz: bedrock, type: java, region: x}]}",
        "{chat_model_connections: [{name: a, clazz: shop.agents.RefundAgent, anything: x}]}",
        "{mcp_servers: [{name: a, clazz: flink_agents.integrations.mcp.mcp.MCPServer, endpoint: x}]}",
        "{skills: [{name: a, paths: [skills/refunds], package: [{package: shop, resource: skills}]}]}",
    ],
)
def test_resources_that_flink_agents_reads_are_allowed(added: str, load: Load, sound: str) -> None:
    assert load(f"{sound}resources: {added}\n").scenario.resources.sections()


def test_every_section_of_classes_is_known_for_both_languages() -> None:
    assert set(PYTHON_CLASSES) == set(JAVA_ALIASES)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("yaml", "agents: [{name: a, actions: [{name: b, function: 'os:system', listen_to: [input]}]}]"),
        ("yaml", "tools: [{name: t, function: 'shutil:rmtree'}]\nagents: [{name: a}]"),
        ("yaml", "agents: [{name: a, skills: [{name: s, paths: [../x]}]}]"),
        ("plan", json.dumps({"actions": {"a": {"exec": {"module": "os", "qualname": "system"}}}})),
        ("plan", json.dumps({"resource_providers": {"x": [{"target_module": "os.path", "target_clazz": "J"}]}})),
    ],
)
def test_an_agent_file_names_no_code_from_outside_the_project(
    name: str, text: str, tmp_path: Path, sound: str, problems: Problems
) -> None:
    (tmp_path / f"a.{name}").write_text(text)
    form = f"{{{name}: a.{name}" + (", name: a}" if name == "yaml" else "}")
    (problem,) = problems(sound.replace("shop.agents:RefundAgent", form))
    assert (problem.code, problem.where) in {("FA214", "x.scenario.yaml:3:15"), ("FA206", "x.scenario.yaml:3:15")}
    assert problem.message.startswith(f"a.{name}: ")


def test_an_agent_file_with_nested_aliases_is_read_quickly(tmp_path: Path, sound: str, load: Load) -> None:
    bomb = "a0: &a0 [{name: x}]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (tmp_path / "a.yaml").write_text(f"{bomb}agents: [{{name: a, tools: *a11}}]\n")
    assert load(sound.replace("shop.agents:RefundAgent", "{yaml: a.yaml, name: a}"))


KINDS = [
    ("pandas==2.2.3", None),
    ("pandas[excel]>=2; python_version > '3.9'", None),
    ("pandas==2.2.3 --hash=sha256:ab", None),
    ("./wheels/x.whl", None),
    ("x @ file:wheels/x.whl", None),
    ("wheels/x-1-py3-none-any.whl", None),
    ("x.whl", None),
    ("./x.whl#sha256=ab", None),
    ("./lib[all]; python_version > '3.9'", None),
    ("https://example.org/x.whl", RequirementKind.URL),
    ("x @ https://example.org/x.whl", RequirementKind.URL),
    ("x@HTTPS://example.org/x.whl", RequirementKind.URL),
    ("x @ ${WHEEL}", RequirementKind.URL),
    ("git+https://example.org/x", RequirementKind.VCS),
    ("x @ git+ssh://git@example.org/x@main", RequirementKind.VCS),
    ("-e .", RequirementKind.EDITABLE),
    ("--editable=./x", RequirementKind.EDITABLE),
    ("-r other.txt", RequirementKind.FILE),
    ("-rother.txt", RequirementKind.FILE),
    ("--constraint c.txt", RequirementKind.FILE),
    ("--index-url https://example.org", RequirementKind.INDEX),
    ("-i https://example.org", RequirementKind.INDEX),
    ("--find-links=.", RequirementKind.INDEX),
    ("pandas --index-url=https://example.org", RequirementKind.INDEX),
    ("../x.whl", RequirementKind.PATH),
    ("/opt/x.whl", RequirementKind.PATH),
    ("~/x.whl", RequirementKind.PATH),
    ("x @ file:///opt/x.whl", RequirementKind.PATH),
    ("x @ file:../x.whl", RequirementKind.PATH),
    ("x @ file:%2e%2e/x.whl", RequirementKind.PATH),
    ("x @ ../x", RequirementKind.PATH),
    ("./lib[/../../../x", RequirementKind.PATH),
    ("./lib;/../../../x", RequirementKind.PATH),
    ("x @ file:lib;/%2e%2e/%2e%2e/x", RequirementKind.PATH),
    ("./lib#/../../../x", RequirementKind.PATH),
]


@pytest.mark.parametrize(("line", "kind"), KINDS)
def test_a_requirement_is_of_the_kind_that_decides_where_code_comes_from(
    line: str, kind: RequirementKind | None, tmp_path: Path
) -> None:
    assert requirement_kind(line, Project(tmp_path)) is kind


@pytest.mark.parametrize("form", ["list", "file"])
def test_only_kinds_that_the_ini_allows_are_installed(form: str, tmp_path: Path, load: Load, sound: str) -> None:
    # A list in a scenario is no requirements file: its placeholders are the language's.
    kinds = [(line, kind) for line, kind in KINDS if "$" not in line]
    lines = [line for line, _ in kinds]
    (tmp_path / "reqs.txt").write_text("# all\n" + "\n".join(lines))
    text = f"{sound}requirements: {json.dumps(lines) if form == 'list' else 'reqs.txt'}\n"
    assert load(text, requirement_kinds=tuple(RequirementKind))
    with pytest.raises(ScenarioError) as caught:
        load(text)
    refused = [line for line, kind in kinds if kind]
    assert [problem.seen for problem in caught.value.problems if problem.code == "FA215"] == refused
    if form == "file":
        places = [re.search(r"reqs\.txt:(\d+)", problem.message) for problem in caught.value.problems]
        assert [int(place[1]) for place in places if place] == [lines.index(line) + 2 for line in refused]


def test_a_requirements_file_is_bounded(tmp_path: Path, sound: str) -> None:
    (tmp_path / "reqs.txt").write_text("#" * 300_000)
    file = tmp_path / "x.scenario.yaml"
    file.write_text(sound + "requirements: reqs.txt\n")
    with pytest.raises(ScenarioError, match=r"FA211: reqs\.txt is too large"):
        load_file(file, Project(tmp_path))


@pytest.mark.parametrize(
    ("line", "absolute"),
    [
        ("pandas==2.2.3 --hash=sha256:a", "pandas==2.2.3 --hash=sha256:a"),
        ("./wheels/x.whl", "/p/wheels/x.whl"),
        ("wheels/x[all] ; python_version < '3.12'", "/p/wheels/x[all] ; python_version < '3.12'"),
        ("/opt/x.whl", "/opt/x.whl"),
        ("git+https://example.org/x", "git+https://example.org/x"),
        ("x @ file:///opt/a+b.whl", "x @ file:///opt/a+b.whl"),
        ("x @ file:my%20wheels/x.whl", "x @ file:/p/my%20wheels/x.whl"),
        ("x @ ./wheels/x.whl", "x @ /p/wheels/x.whl"),
        ("x @ ${WHEEL}", "x @ ${WHEEL}"),
        ("~/x.whl", "~/x.whl"),
        ("x.whl", "/p/x.whl"),
        ("-e ./lib", "-e /p/lib"),
        ("-e lib[dev]", "-e /p/lib[dev]"),
        ("-e git+https://example.org/x", "-e git+https://example.org/x"),
        ("-rother.txt", "-r /p/other.txt"),
        ("--constraint=c.txt", "--constraint /p/c.txt"),
        ("-r https://example.org/c.txt", "-r https://example.org/c.txt"),
        ("--index-url https://example.org/simple", "--index-url https://example.org/simple"),
    ],
)
def test_the_paths_of_requirements_are_those_of_the_project(line: str, absolute: str) -> None:
    assert absolute_requirement(line, Path("/p")) == absolute


@pytest.mark.parametrize("line", ["./x.whl\n--index-url=https://example.org", "./x.whl\r-e /opt/x", "./x.whl \\"])
def test_a_requirement_cannot_smuggle_a_second_line(line: str, load: Load, sound: str) -> None:
    with pytest.raises(ScenarioError, match="FA203: a requirement of several lines"):
        load(f"{sound}requirements: [{json.dumps(line)}]\n")
