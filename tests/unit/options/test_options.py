"""Options from the command line, the environment and the ini file, up to the settings of the session."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.config import get_config

from pytest_flink_agents.options import options_of_run, settings_of, values
from pytest_flink_agents.options.given import Given
from pytest_flink_agents.session import GateSession
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import ModelPrice, RestAuth, Tier

Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    """Read the settings of a pytest command in an empty directory, in which ``files`` are written before."""
    configs: list[pytest.Config] = []
    monkeypatch.chdir(tmp_path)

    def settings(*arguments: str, **files: str) -> Settings:
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
        config = get_config([*arguments, "--rootdir", str(tmp_path)])
        configs.append(config)
        config.pluginmanager.consider_preparse(arguments, exclude_only=True)
        config.parse([*arguments, "--rootdir", str(tmp_path)])
        return settings_of(config)

    # The suite's own choice.
    monkeypatch.delenv("FLINK_AGENTS_TEST_FLINK_REST_AUTH", raising=False)
    yield settings
    for config in configs:
        config._ensure_unconfigure()


def test_a_path_behind_a_flag_is_no_value_of_it(read: Read) -> None:
    assert read("--flink-gate", ".").gate
    assert read("--flink-reuse", ".").reuse
    assert not read(".").gate


def test_the_mode_of_models_that_are_not_scripted(read: Read, tmp_path: Path) -> None:
    assert (read().llm_mode, read().llm_overwrite, read().cassette_dir) == (None, False, None)
    settings = read("--llm-mode=record", "--llm-overwrite", "--llm-cassette-dir=recorded")
    assert (settings.llm_mode, settings.llm_overwrite) == ("record", True)
    assert settings.cassette_dir == tmp_path.resolve() / "recorded"
    assert options_of_run(settings, Tier.LOCAL)[-2:] == ["--llm-mode=record", "--llm-cassette-dir=recorded"]
    with pytest.raises(pytest.UsageError, match="there is no mode 'recrod' for a whole session"):
        read("--llm-mode=recrod")
    with pytest.raises(pytest.UsageError, match="replay, record, live"):
        read("--llm-mode=scripted")


def test_a_profile_has_an_option_of_its_own(read: Read) -> None:
    assert read("--flink-gate", "--flink-profile=default").gate
    assert not read("--flink-profile=default").gate
    with pytest.raises(pytest.UsageError, match="there is no profile 'strict'"):
        read("--flink-gate", "--flink-profile=strict")


@pytest.mark.parametrize(("word", "gate"), [("yes", True), ("true", True), ("False", False), ("0", False)])
def test_a_flag_is_a_word_in_the_environment_and_the_ini_file(
    read: Read, monkeypatch: pytest.MonkeyPatch, word: str, gate: bool
) -> None:
    assert read(pytest_ini=f"[pytest]\nflink_gate = {word}\n").gate == gate
    monkeypatch.setenv("FLINK_AGENTS_TEST_FLINK_GATE", word)
    assert read().gate == gate


def test_a_flag_does_not_take_a_profile_as_its_word(read: Read) -> None:
    with pytest.raises(pytest.UsageError, match="FA421: not a boolean"):
        read(pytest_ini="[pytest]\nflink_gate = strict\n")


def test_lists_numbers_and_booleans_of_toml_are_taken(read: Read) -> None:
    found = read(
        pyproject_toml='[tool.pytest.ini_options]\nflink_version = ["2.2", "1.20"]\nflink_tier = ["local", "embedded"]\n'
        "flink_parallelism = 2\nflink_startup_timeout = 90.5\nflink_reuse = true\nflink_gate = false\n"
    )
    assert (found.flink_versions, found.named_tiers) == (("2.2", "1.20"), (Tier.LOCAL, Tier.EMBEDDED))
    assert (found.parallelism, found.startup_timeout_s, found.reuse, found.gate) == (2, 90.5, True, False)


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="[tool.pytest] is new in pytest 9")
@pytest.mark.parametrize("value", ["2.2", '["2.2", "1.20"]', "true"])
def test_a_typed_value_of_toml_is_answered_with_what_to_write(read: Read, value: str) -> None:
    with pytest.raises(pytest.UsageError) as raised:
        read(pyproject_toml=f"[tool.pytest]\nflink_version = {value}\n")
    text = str(raised.value)
    assert text.startswith("pyproject.toml: flink_version: FA421: wrong type of value")
    assert 'quote it: flink_version = "VALUE", several values with commas between' in text


def test_tiers_are_named_only_if_the_user_wrote_them(read: Read) -> None:
    automatic, named = read(), read("--flink-tier=embedded")
    assert (automatic.tiers, automatic.named_tiers) == ((Tier.LOCAL, Tier.EMBEDDED), ())
    assert (named.tiers, named.named_tiers) == ((Tier.EMBEDDED,), (Tier.EMBEDDED,))
    assert read("--flink-tier=auto").named_tiers == ()


def test_variables_are_secrets_unless_the_ini_declares_them_plain(read: Read) -> None:
    found = read(pytest_ini="[pytest]\nflink_scenario_env = SHOP_URL SHOP_STAGE\nflink_plain_env = SHOP_STAGE\n")
    assert (found.allowed_env, found.plain_env) == (("SHOP_URL", "SHOP_STAGE"), ("SHOP_STAGE",))


def test_prices_of_models_are_lines_of_the_ini(read: Read) -> None:
    assert read(pytest_ini="[pytest]\nflink_model_prices =\n    m:8b = 0.15 1\n    n = 0 2.5\n").prices == {
        "m:8b": ModelPrice(0.15, 1.0),
        "n": ModelPrice(0.0, 2.5),
    }


@pytest.mark.parametrize("line", ["m", "m = 1", "m = 1 2 3", "m = 1 free", "= 1 2", "m = -1 2", "m = 1 2\n    m = 1 2"])
def test_lines_that_are_no_prices_are_refused(line: str, read: Read) -> None:
    with pytest.raises(pytest.UsageError, match="FA421"):
        read(pytest_ini=f"[pytest]\nflink_model_prices =\n    {line}\n")


def test_the_number_of_kept_run_folders_is_an_option(read: Read) -> None:
    assert read().report_runs == 20
    assert read("--flink-report-runs=3").report_runs == 3
    with pytest.raises(pytest.UsageError, match="FA421"):
        read("--flink-report-runs=0")


def test_a_configuration_directory_holds_a_file_without_errors(read: Read, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    with pytest.raises(pytest.UsageError, match=r"no config\.yaml there"):
        read("--flink-conf-dir=conf")
    (conf / "config.yaml").write_text("agent: {max-retries: 2}\n")
    assert read("--flink-conf-dir=conf").configuration == conf / "config.yaml"
    assert read().configuration is None
    (conf / "config.yaml").write_text("agent: {shop.password: hunter-twelve}\n")
    text = GateSession(read("--flink-conf-dir=conf"), progress=print).redactor.text("password hunter-twelve")
    assert text == "password ***", "its secrets are known before anything is shown"
    with pytest.raises(pytest.UsageError, match="name the directory, not the file"):
        read("--flink-conf-dir=conf/config.yaml")
    (conf / "config.yaml").write_text("agent.max-retries: 2\n")
    with pytest.raises(pytest.UsageError, match=r"conf/config\.yaml:1:1: FA461"):
        read("--flink-conf-dir=conf")


def test_a_parallelism_is_named_only_if_the_user_wrote_it(read: Read) -> None:
    assert not read().named_parallelism
    assert read("--flink-parallelism=1").named_parallelism


def test_the_settings_of_an_external_kafka_are_read_and_never_shown(read: Read, tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text(
        "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username=ci\nsasl.password=hunter2-hunter2\n"
    )
    found = read("--kafka-bootstrap=kafka.example:9093", "--kafka-properties=kafka.properties")
    assert found.kafka_security
    assert found.kafka_security.client["sasl.username"] == "ci"
    assert "hunter2" not in repr(found)
    text = GateSession(found, progress=print).redactor.text("password hunter2-hunter2")
    assert text == "password ***"
    security = replace(found.kafka_security, secrets=(str(tmp_path),))
    text = GateSession(replace(found, kafka_security=security), progress=print).redactor.text(f"password {tmp_path}")
    assert text == "password ***", "a password is one, also if there is a file of that name"
    with pytest.raises(pytest.UsageError, match="no external Kafka is named"):
        read("--kafka-properties=kafka.properties")


def test_a_run_is_repeated_with_every_option_that_changes_it(read: Read, tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("agent: {max-retries: 2}\n")
    (tmp_path / "kafka.properties").write_text("security.protocol=PLAINTEXT\n")
    always = [
        "--flink-engine=bundled",
        "--flink-agents=0.3.1",
        f"--flink-job-python={sys.executable}",
        "--flink-image=flink:mine",
        "--flink-base-image=base:mine",
        "--flink-parallelism=1",
        "--flink-conf-dir=conf",
        "--kafka-image=kafka:mine",
        "--kafka-bootstrap=kafka.example:9092",
        "--kafka-properties=kafka.properties",
    ]
    settings = read(*always, "--flink-rest-url=http://flink.example:8081", "--flink-rest-auth=on")
    assert options_of_run(settings, Tier.LOCAL) == ["--flink-tier=local", *always]
    embedded = options_of_run(settings, Tier.EMBEDDED)
    assert sorted(embedded) == sorted(["--flink-tier=embedded", *always, "--flink-rest-auth=on"])
    remote = ["--flink-tier=remote", "--flink-rest-url=http://flink.example:8081", *always]
    assert options_of_run(settings, Tier.REMOTE) == remote
    assert options_of_run(read(), Tier.REMOTE) == ["--flink-tier=remote"]
    remotely = replace(settings, rest_auth=RestAuth.AUTO, tiers=(Tier.REMOTE,), named_tiers=(Tier.REMOTE,))
    assert read(*remote) == remotely


@pytest.mark.parametrize(("word", "rest_auth"), [("auto", "auto"), ("on", "on"), ("OFF", "off"), ("no", "off")])
def test_the_rest_api_is_for_this_user_by_a_word(read: Read, word: str, rest_auth: str) -> None:
    assert read().rest_auth is RestAuth.AUTO
    assert read(f"--flink-rest-auth={word}").rest_auth == rest_auth
    with pytest.raises(pytest.UsageError, match="did you mean auto"):
        read("--flink-rest-auth=aut")


def test_a_run_with_replays_is_repeated_with_them(read: Read) -> None:
    settings = read("--flink-always-replay")
    assert options_of_run(settings, Tier.LOCAL) == ["--flink-tier=local", "--flink-always-replay"]
    assert options_of_run(settings, Tier.EMBEDDED) == ["--flink-tier=embedded", "--flink-always-replay"]


def test_several_processes_cannot_share_a_terminal() -> None:
    with pytest.raises(pytest.UsageError, match="several processes cannot share a terminal"):
        values.debug_terminal(Given("yes", "--flink-debug"), None, processes=2)
    assert values.debug_terminal(None, None, processes=2) == ""
    assert values.debug_terminal(Given("no", "flink_debug = no"), None, processes=2) == ""


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [
        (["--flink-debug", "--flink-gate"], ""),
        (["--flink-debug"], "flink_gate = yes"),
        (["--flink-gate"], "flink_debug = yes"),
        ([], "flink_debug = yes\nflink_gate = true"),
    ],
)
def test_the_gate_refuses_to_judge_a_debugged_session(read: Read, arguments: list[str], ini: str) -> None:
    with pytest.raises(pytest.UsageError, match="the gate cannot judge a debugged session"):
        read(*arguments, pytest_ini=f"[pytest]\n{ini}\n")


def test_debugging_and_the_gate_exclude_each_other_only_if_both_are_on(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read("--flink-gate", pytest_ini="[pytest]\nflink_debug = no\n").gate
    monkeypatch.setattr("psutil.Process.terminal", lambda _: "/dev/pts/9")
    monkeypatch.setenv("FLINK_AGENTS_TEST_FLINK_GATE", "no")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    assert read("--flink-debug", pytest_ini="[pytest]\nflink_gate = yes\n").debug_terminal == "/dev/pts/9"
