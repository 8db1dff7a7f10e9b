"""Every code block of the documentation is loaded, compiled or compared with the code."""

from __future__ import annotations

import datetime
import importlib
import re
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from flink_testbed.kafka.security import read_security
from pytest_flink_agents.cli.main import main
from pytest_flink_agents.options import OPTIONS
from pytest_flink_agents.policy.load import load_policy
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.settings import POLICY_FILE
from tests.support.documentation import ROOT, Block, blocks, documents
from tools.reference.command_line import command_help, commands
from tools.reference.examples import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The languages of blocks, each with tests of its own: text in test_docs_output.py, python in test_docs_python.py.
LANGUAGES = {"yaml", "properties", "python", "console", "toml", "text"}
# Options of pytest and its plugins that the documentation names.
PYTEST_OPTIONS = {"-k", "-m", "-n", "--full-trace"}
# Python's own module from 3.11 on; before that the one that pytest depends on.
TOML = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
# Variables of the environment that scenarios of the documentation name, and that an ini file there allows.
VARIABLES = ("MODEL_KEY",)
# Programs whose own options are not checked.
OTHERS = {"pip", "python", "podman", "export", "coverage", "openssl", "chmod"}


def ids(found: list[Block]) -> list[str]:
    return [block.place for block in found]


def is_scenario(block: Block) -> bool:
    return not block.title or block.title.endswith(".scenario.yaml")


SCENARIOS = [block for block in blocks("yaml") if is_scenario(block)]
CONFIGURATIONS = [block for block in blocks("yaml") if block.title.endswith("config.yaml")]
SHARED = [block for block in blocks("yaml") if block.title == "common.yaml"]
POLICIES = [block for block in blocks("yaml") if block.title == POLICY_FILE]
HOOKS = [block for block in blocks("yaml") if block.title == ".pre-commit-config.yaml"]


def test_every_block_has_a_language_that_a_test_covers() -> None:
    assert [(block.place, block.language) for block in blocks() if block.language not in LANGUAGES] == []
    others = [
        block.place
        for block in blocks("yaml")
        if block not in [*SCENARIOS, *CONFIGURATIONS, *POLICIES, *HOOKS, *SHARED]
    ]
    assert others == []


@pytest.mark.parametrize("block", blocks("properties"), ids=ids(blocks("properties")))
def test_properties_are_those_of_a_kafka(block: Block, tmp_path: Path) -> None:
    (tmp_path / "company-ca.pem").touch()
    (tmp_path / "kafka.properties").write_text(block.text)
    assert read_security(tmp_path / "kafka.properties").client


def still_valid(text: str) -> str:
    """Return the text with waivers that end soon: a documented date is too far ahead, or past, some day."""
    soon = datetime.date.today() + datetime.timedelta(days=30)
    return re.sub(r'until: "[0-9-]+"', f'until: "{soon}"', text)


@pytest.mark.parametrize("block", SCENARIOS, ids=ids(SCENARIOS))
def test_scenarios_load(block: Block, project: Path) -> None:
    file = project / "documented.scenario.yaml"
    file.write_text(still_valid(block.text), encoding="utf-8")
    loaded = load_file(file, Project(project, allowed_env=VARIABLES))
    assert [warning.render() for each in loaded for warning in each.warnings] == []


@pytest.mark.parametrize("block", SHARED, ids=ids(SHARED))
def test_shared_words_complete_a_scenario(block: Block, project: Path) -> None:
    (project / "common.yaml").write_text(block.text, encoding="utf-8")
    file = project / "documented.scenario.yaml"
    text = (
        'version: "1"\nname: a\ninclude: [common.yaml]\nagent: shop.orders:OrderAgent\ninputs: [{key: a, value: 1}]\n'
    )
    file.write_text(text + "expect: {outputs: []}\n", encoding="utf-8")
    assert load_file(file, Project(project, allowed_env=VARIABLES))


def test_the_examples_of_the_reference_load(project: Path) -> None:
    file = project / WORDS.name
    file.write_text(WORDS.read_text(encoding="utf-8"), encoding="utf-8")
    assert len(load_file(file, Project(project, allowed_env=VARIABLES))) == WORDS.read_text(encoding="utf-8").count(
        '\nversion: "1"'
    )


@pytest.mark.parametrize("block", POLICIES, ids=ids(POLICIES))
def test_policies_load(block: Block, tmp_path: Path) -> None:
    (tmp_path / POLICY_FILE).write_text(still_valid(block.text), encoding="utf-8")
    assert load_policy(tmp_path / POLICY_FILE, tmp_path).content.profiles


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=ids(CONFIGURATIONS))
def test_configurations_pass_the_linter(block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """But for FA469: FLINK_CONF_DIR does not name a directory of a test."""
    file = tmp_path / "config.yaml"
    file.write_text(block.text, encoding="utf-8")
    assert main(["lint", str(file)]) == 0
    assert set(re.findall(r"FA\d{3}", capsys.readouterr().out)) <= {"FA469"}


@pytest.mark.parametrize("block", HOOKS, ids=ids(HOOKS))
def test_hooks_exist(block: Block) -> None:
    ours = [hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))]
    assert [hook["id"] for repo in yaml.safe_load(block.text)["repos"] for hook in repo["hooks"]] == ours


CONSOLES = blocks("console")


@pytest.mark.parametrize("block", CONSOLES, ids=ids(CONSOLES))
def test_commands_exist(block: Block) -> None:
    lines = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
    assert lines, "a console block shows at least one command"
    for line in lines:
        require_command(line)


def require_command(line: str) -> None:
    """Fail if a command names an option, a subcommand or a make target that does not exist."""
    program, *arguments = shlex.split(line, comments=True)
    options = [argument.partition("=")[0] for argument in arguments if argument.startswith("-")]
    if program == "pytest":
        known = PYTEST_OPTIONS | {option.flag for option in OPTIONS}
        assert set(options) <= known, line
    elif program == "flink-agents-gate":
        assert arguments[0] in commands(), line
        assert set(options) <= set(re.findall(r"--?[a-z][a-z-]*", command_help(arguments[0]))), line
    elif program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
        assert {argument for argument in arguments if "=" not in argument} <= targets, line
    else:
        assert program in OTHERS | {"cat", ".venv/bin/python", "uv"}, line


TOMLS = blocks("toml")


@pytest.mark.parametrize("block", TOMLS, ids=ids(TOMLS))
def test_ini_values_exist(block: Block, pytestconfig: pytest.Config) -> None:
    for name in TOML.loads(block.text)["tool"]["pytest"]["ini_options"]:
        pytestconfig.getini(name)


@pytest.mark.parametrize(
    "line",
    [
        "pytest --flink-verison=2.2",
        "flink-agents-gate docter",
        "flink-agents-gate sweep --all",
        "make gates",
        "rm -rf /",
    ],
)
def test_a_wrong_command_is_detected(line: str) -> None:
    with pytest.raises(AssertionError):
        require_command(line)


def inline_commands() -> Iterator[str]:
    """Yield the commands in code spans of the documents."""
    for path in documents():
        yield from re.findall(
            r"(?<!`)`((?:pytest -|flink-agents-gate |make )[^`]+)`(?!`)", path.read_text(encoding="utf-8")
        )


@pytest.mark.parametrize("line", sorted(set(inline_commands())))
def test_commands_in_the_text_exist(line: str) -> None:
    require_command(line.replace("make PYTHON=/path/to/python3", "make setup"))
