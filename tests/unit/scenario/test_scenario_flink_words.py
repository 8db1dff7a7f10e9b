"""The words ``config_file`` and ``flink_config``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.configuration.content import Placed
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.flink_options import flink_words_of_test
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from tests.unit.scenario.conftest import SOUND

GOOD = "heartbeat: {timeout: 9s}\nmetrics.scope: [a, b]\nweb.x.y: 1.20\nagent: {max-retries: 5, event-log.depth: 3}\n"


def test_options_of_the_file_have_their_lines(tmp_path: Path, load: Callable[..., LoadedScenario]) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text(GOOD)
    team = load(SOUND + "config_file: conf/config.yaml\n").configuration
    assert team is not None
    assert team.flink == {
        "heartbeat.timeout": Placed("9s", "conf/config.yaml:1"),
        "metrics.scope": Placed('["a", "b"]', "conf/config.yaml:2"),
        # As Flink reads it: an unquoted number has no second zero.
        "web.x.y": Placed("1.2", "conf/config.yaml:3"),
    }
    assert team.agent["max-retries"] == Placed(5, "conf/config.yaml:4")


def test_the_file_counts_as_a_part_of_the_scenario_and_its_secrets_are_known(
    tmp_path: Path, load: Callable[..., LoadedScenario]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("s3.secret-key: hidden-one\nagent: {flussSaslPassword: hidden-two, max-retries: 3}\n")
    loaded = load(SOUND + "config_file: config.yaml\n")
    assert loaded.files == {tmp_path / "x.scenario.yaml", file}
    assert loaded.configuration is not None
    assert loaded.configuration.secrets == {"hidden-one", "hidden-two"}


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "agent: {error-handling-strategy: RETRY}",
            "FA465",
            "conf/config.yaml:1:34: error-handling-strategy: Java reads",
        ),
        ("agent: {max-retries: many}", "FA466", "conf/config.yaml:1:22: wrong value for max-retries"),
        ("a: 1\nmax-retries: 3", "FA462", "conf/config.yaml:2:1: max-retries is ignored"),
        ("env.java.opts: -Da: b", "FA460", "conf/config.yaml:1:"),
        ("rest.port:", "FA485", "conf/config.yaml:1:11: rest.port has no value"),
        ("", "FA483", "conf/config.yaml:1:1: the file is empty"),
        ("a: " + "x" * 300_000, "FA460", "too large for a configuration"),
    ],
)
def test_a_file_that_would_be_misread_is_refused(
    text: str, code: str, message: str, tmp_path: Path, problems: Callable[[str], list[Problem]]
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text(text)
    (problem,) = problems(SOUND + "config_file: conf/config.yaml\n")
    assert problem.code == code
    assert message in problem.message
    assert problem.where == "x.scenario.yaml:9:14"


def test_the_file_is_a_file_of_the_project_with_the_current_name(
    tmp_path: Path, problems: Callable[[str], list[Problem]]
) -> None:
    outside = tmp_path.parent / "outside.yaml"
    outside.write_text(GOOD)
    (tmp_path / "link.yaml").symlink_to(outside)
    (tmp_path / "flink-conf.yaml").write_text(GOOD)
    for name, code, message in (
        ("link.yaml", "FA206", "leaves the project"),
        ("../outside.yaml", "FA206", "leaves the project"),
        ("conf.yaml", "FA206", "no file"),
        ("flink-conf.yaml", "FA469", "only Flink before 2.0"),
    ):
        (problem,) = problems(SOUND + f"config_file: {name}\n")
        assert (problem.code, message in problem.message) == (code, True)


def test_a_near_miss_in_the_file_is_a_warning(tmp_path: Path, load: Callable[..., LoadedScenario]) -> None:
    (tmp_path / "config.yaml").write_text("checkpointing.interval: 5s\n")
    (warning,) = load(SOUND + "config_file: config.yaml\n").warnings
    assert warning.code == "FA486"
    assert warning.next_step == "did you mean execution.checkpointing.interval?"


def test_a_scenario_without_a_file_gets_the_sessions(tmp_path: Path) -> None:
    (tmp_path / "x.scenario.yaml").write_text(SOUND)
    file = tmp_path / "deployed.yaml"
    file.write_text(GOOD)
    (loaded,) = load_file(tmp_path / "x.scenario.yaml", Project(tmp_path, configuration=file))
    assert loaded.configuration is not None
    assert loaded.configuration.name == "deployed.yaml"


def test_flink_config_is_nested_or_dotted(load: Callable[..., LoadedScenario]) -> None:
    text = SOUND + "flink_config:\n  parallelism.default: 2\n  execution: {checkpointing: {unaligned.enabled: true}}\n"
    assert load(text).flink_options == {
        "parallelism.default": Placed("2", "x.scenario.yaml:10"),
        "execution.checkpointing.unaligned.enabled": Placed("true", "x.scenario.yaml:11"),
    }


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ("{paralelism.default: 2}", "FA213", 'did you mean "parallelism.default"?'),
        ("{checkpointing.interval: 2s}", "FA213", 'did you mean "execution.checkpointing.interval"?'),
        ("{shop.limit: 2}", "FA213", "config_extra: true"),
        ("{max-retries: 2}", "FA213", "write it under config"),
        ("{agent: {max-retries: 2}}", "FA213", "write it under config"),
        ("{rest.port: 8081}", "FA203", "listen on loopback"),
        ("{execution.checkpointing.dir: /x}", "FA203", "its own folder"),
        ("{parallelism.default: 0}", "FA203", "an int from 1 to 16"),
        ("{parallelism.default: '2'}", "FA203", "an int from 1 to 16"),
        ("{heartbeat.timeout: null}", "FA203", "a string, number, boolean"),
        ("{heartbeat.timeout: 1s, heartbeat: {timeout: 2s}}", "FA203", "is set twice"),
        ("[a]", "FA203", "a mapping"),
    ],
)
def test_wrong_options_of_flink_are_mistakes(
    options: str, code: str, words: str, problems: Callable[[str], list[Problem]]
) -> None:
    (problem,) = problems(SOUND + f"flink_config: {options}\n")
    assert problem.code == code
    assert words in problem.render()


def test_config_extra_allows_options_that_flink_does_not_declare(load: Callable[..., LoadedScenario]) -> None:
    text = SOUND + "config_extra: true\nflink_config: {shop.limit: 2}\n"
    assert load(text).flink_options["shop.limit"].value == "2"


def test_a_python_test_names_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD)
    team, options = flink_words_of_test("config.yaml", {"heartbeat": {"timeout": "3s"}}, Project(tmp_path))
    assert team is not None
    assert options == {"heartbeat.timeout": Placed("3s", "the test")}
    assert flink_words_of_test(None, {}, Project(tmp_path)) == (None, {})
    with pytest.raises(ScenarioError) as caught:
        flink_words_of_test("../config.yaml", {"heartbeat.timeuot": "3s"}, Project(tmp_path))
    assert [problem.code for problem in caught.value.problems] == ["FA206", "FA213"]


def test_words_of_an_included_file_are_relative_to_that_file(
    tmp_path: Path, load: Callable[..., LoadedScenario]
) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/config.yaml").write_text(GOOD)
    (tmp_path / "deploy/common.yaml").write_text("config_file: config.yaml\nflink_config: {heartbeat.timeout: 8s}\n")
    loaded = load(SOUND + "include: [deploy/common.yaml]\n")
    assert loaded.configuration is not None
    assert loaded.configuration.name == "deploy/config.yaml"
    assert loaded.flink_options == {"heartbeat.timeout": Placed("8s", "deploy/common.yaml:2")}
