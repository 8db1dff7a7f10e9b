"""Options, their sources, and upstream's traps."""

import json
import logging

import pytest
from flink_agents.api.configuration import ConfigOption
from flink_agents.api.core_options import (
    AgentConfigOptions,
    AgentExecutionOptions,
    ErrorHandlingStrategy,
    EventLogLevel,
    LoggerType,
)
from flink_agents.api.memory.long_term_memory import LongTermMemoryOptions
from runtime_agents import Configured, Echo

from flink_agents_runtime.config.catalogue import CATALOGUE, LATER, Kind, nearest_key
from flink_agents_runtime.config.config_file import ConfigurationError
from flink_agents_runtime.config.configuration import Configuration, option
from flink_agents_runtime.config.options import OptionError, typed
from flink_agents_runtime.local.environment import LocalEnvironment
from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.build import build_plan, plan_of

TYPES = {Kind.ENUM: None, Kind.BOOL: bool, Kind.INT: int, Kind.LIST: list, Kind.STR: str}


def written(directory, text, name="config.yaml"):
    file = directory / name
    file.write_text(text)
    return file


def loaded(directory, text):
    """Return the options of a file by key."""
    config = Configuration()
    config.load_from_file(str(written(directory, text)))
    return config.conf_data


def setting_of(config, key):
    """Return the explanation of one option."""
    return next(setting for setting in config.explain() if setting.key == key)


def test_the_catalogue_is_what_the_installed_flink_agents_declares():
    """An option with words may be declared as any str upstream."""
    declared = {
        each.get_key(): each
        for holder in (AgentConfigOptions, AgentExecutionOptions, LongTermMemoryOptions.Mem0)
        for each in vars(holder).values()
        if isinstance(each, ConfigOption)
    }
    ours = {key: each for key, each in CATALOGUE.items() if not each.ours}
    assert ours.keys() == declared.keys()
    for key, mine in ours.items():
        theirs = declared[key].get_type()
        default = declared[key].get_default_value()
        if hasattr(theirs, "__members__"):
            assert (mine.kind, mine.words) == (Kind.ENUM, tuple(str(word.value) for word in theirs))
            assert mine.default == default.value
        else:
            assert TYPES[mine.kind] in (theirs, None)
            assert mine.default == default
        if mine.default is not None:
            assert typed(key, mine.default) == mine.default
    assert not LATER & ours.keys()


def test_each_value_tells_where_it_came_from(tmp_path, monkeypatch):
    flink = tmp_path / "conf"
    flink.mkdir()
    written(flink, "agent:\n  max-retries: 4\n  retry-wait-interval: 7\n  job-identifier: one\n")
    file = written(tmp_path, "# ours\nagent:\n  retry-wait-interval: 8\n  job-identifier: two\n", "mine.yaml")
    monkeypatch.setenv("FLINK_CONF_DIR", str(flink))
    environment = LocalEnvironment()
    environment.get_config().set_str("job-identifier", "three")
    config = environment.get_config(str(file))
    assert setting_of(config, "max-retries")[1:3] == (4, f"{flink}/config.yaml:2")
    assert setting_of(config, "retry-wait-interval")[1:3] == (8, f"{file}:3")
    assert setting_of(config, "job-identifier")[1:3] == ("three", "set on the environment")
    assert setting_of(config, "rag.async")[1:3] == (True, "default")
    assert str(setting_of(config, "max-retries")) == f"max-retries = 4 ({flink}/config.yaml:2)"


def test_a_plan_tells_the_same(tmp_path):
    plan = plan_of(Echo(), Configuration({"max-retries": 4, "job-identifier": "x"}))
    file = tmp_path / "plan.json"
    file.write_text(plan.model_dump_json(serialize_as_any=True))
    built = build_plan({"agent": {"plan": str(file)}}, config={"max-retries": 5})
    assert setting_of(built.config, "max-retries")[1:3] == (5, "the scenario")
    assert setting_of(built.config, "job-identifier")[1:3] == ("x", "the plan")
    assert built.config.model_dump_json() == '{"conf_data":{"max-retries":5,"job-identifier":"x"}}'


def test_what_is_set_after_apply_still_counts():
    environment = LocalEnvironment()
    outputs = environment.from_list([{"value": 1}]).apply(Configured()).to_list()
    environment.get_config().set_int("max-retries", 6)
    environment.execute()
    assert next(iter(outputs[0].values()))[3] == 6


def test_secrets_are_not_told():
    assert setting_of(Configuration({"flussSaslPassword": "hidden"}), "flussSaslPassword").value == "***"


def test_a_key_that_resembles_an_option_is_reported(caplog):
    config = Configuration({"event_log.level": "OFF", "maxRetries": 2, "my.own": 1})
    assert "event_log.level is not an option of flink-agents; did you mean event-log.level?" in caplog.text
    assert "did you mean max-retries?" in caplog.text
    assert "my.own" not in caplog.text
    assert setting_of(config, "maxRetries").note.endswith("did you mean max-retries?")
    assert setting_of(config, "my.own").note == "unknown to flink-agents"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("eventLog.level", "event-log.level"),
        ("actionStatestoreBackend", "actionStateStoreBackend"),
        ("chat.asinc", "chat.async"),
        ("short-term-memory.state-ttl", "short-term-memory.state-ttl.ms"),
        ("customer.limit", None),
    ],
)
def test_near_misses(key, meant):
    assert nearest_key(key) == meant


# The traps of upstream's loading and conversion, one by one.


def test_trap_flat_keys_count(tmp_path):
    """The key may be agent.KEY at the top level, or nested or dotted below agent:."""
    text = "agent.baseLogDir: /logs\nagent:\n  event-log.level: VERBOSE\n  chat: {async: false}\n"
    expected = {"baseLogDir": "/logs", "event-log.level": "VERBOSE", "chat.async": False}
    assert loaded(tmp_path, text) == expected


@pytest.mark.parametrize("text", ["event-log.level: OFF", "event-log: {level: OFF}", "a: 1\nbaseLogDir: /logs"])
def test_trap_the_wrong_place_is_an_error(tmp_path, text):
    """Upstream ignores such an option, which its own documentation shows."""
    with pytest.raises(ConfigurationError, match=r"config.yaml:\d: .* is outside of agent:.*write agent: \{"):
        loaded(tmp_path, text)


def test_trap_words_for_false_are_false(tmp_path):
    config = Configuration(loaded(tmp_path, "agent: {chat.async: 'false', own: 'False'}"))
    config.set_str("rag.async", "FALSE")
    assert config.get(AgentExecutionOptions.CHAT_ASYNC) is False
    assert config.get(AgentExecutionOptions.RAG_ASYNC) is False
    assert config.get_bool("own") is False
    with pytest.raises(OptionError, match="cannot be 'no': expected true or false"):
        config.set_str("tool-call.async", "no")


def test_trap_the_case_of_a_word_does_not_matter(tmp_path):
    """Upstream's actions compare exactly, so the word is converted when it is set."""
    config = Configuration(loaded(tmp_path, "agent: {error-handling-strategy: RETRY, eventLoggerType: File}"))
    assert config.get(AgentExecutionOptions.ERROR_HANDLING_STRATEGY) is ErrorHandlingStrategy.RETRY
    assert config.get(AgentConfigOptions.EVENT_LOGGER_TYPE) is LoggerType.FILE
    config.set(AgentConfigOptions.EVENT_LOG_LEVEL, EventLogLevel.OFF)
    assert config.conf_data["event-log.level"] == "OFF"


def test_trap_off_is_a_word(tmp_path):
    """PyYAML reads a bare OFF as False."""
    assert loaded(tmp_path, "agent: {event-log: {level: OFF}}") == {"event-log.level": "OFF"}


def test_trap_an_unknown_backend_is_an_error(tmp_path):
    """Upstream runs without a store then."""
    with pytest.raises(OptionError, match=r"config.yaml:1: .*one of kafka, fluss") as caught:
        loaded(tmp_path, "agent: {actionStateStoreBackend: kafak}")
    assert caught.value.nearest == "kafka"
    assert loaded(tmp_path, "agent: {actionStateStoreBackend: KAFKA}") == {"actionStateStoreBackend": "kafka"}


@pytest.mark.parametrize("text", ["", "agent:", "other: 1", "agent: {}", "# nothing"])
def test_trap_an_empty_file_or_section_is_no_error(tmp_path, text):
    """Upstream raises AttributeError for the first two."""
    assert loaded(tmp_path, text) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "is not a mapping"),
        ("agent: 3", "config.yaml:1: agent: has the value 3"),
        ("agent: {max-retries: 1}\nagent.max-retries: 2", "config.yaml:2: max-retries is already set at .*:1"),
        ("agent: {max-retries: 1, max-retries: 2}", "is already set"),
        ("agent: {", "is not YAML"),
        ("agent: {max-retries: -1}", "config.yaml:1: .*at least 0"),
        ("agent: {num-async-threads: 0}", "at least 1"),
        ("agent: {prettyPrint: [1]}", "true or false"),
    ],
)
def test_an_invalid_file_is_an_error_with_its_line(tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        loaded(tmp_path, text)


def test_trap_flink_conf_dir_leads_somewhere(tmp_path, monkeypatch):
    """Upstream reads nothing then."""
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"which contains no config.yaml"):
        LocalEnvironment()
    legacy = written(tmp_path, "agent: {max-retries: 8}", "flink-conf.yaml")
    assert LocalEnvironment().get_config().get_int("max-retries") == 8
    written(tmp_path, "agent: {max-retries: 9}")
    assert LocalEnvironment().get_config().get_int("max-retries") == 9
    monkeypatch.setenv("FLINK_CONF_DIR", str(legacy))
    with pytest.raises(ConfigurationError, match="is the file"):
        LocalEnvironment()
    monkeypatch.delenv("FLINK_CONF_DIR")
    assert LocalEnvironment().get_config().conf_data == {}


def test_trap_environments_share_nothing():
    """Upstream's local environments share one configuration."""
    LocalEnvironment().get_config().set_int("max-retries", 8)
    assert LocalEnvironment().get_config().conf_data == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"event-listeners": ["a.B"]}, "Java classes"),
        ({"event-log.trace.enabled": True}, "flink-agents 0.4"),
        ({"agent-run.begin-event": False}, "flink-agents 0.4"),
    ],
)
def test_what_cannot_be_honoured_is_refused(options, said):
    with pytest.raises(PlanError, match=said):
        build_plan({"agent": "runtime_agents:Echo"}, config=options)
    environment = LocalEnvironment()
    environment.from_list([]).apply(Echo())
    environment.get_config().add(options, "set on the environment")
    with pytest.raises(PlanError, match=said):
        environment.execute()


def run_with(**options):
    environment = LocalEnvironment()
    environment.get_config().add(options, "set on the environment")
    environment.from_list([{"key": "a", "value": 1}]).apply(Echo())
    environment.execute("job")


def test_the_kind_of_event_logger_is_honoured(tmp_path, monkeypatch, caplog):
    """file writes below the temporary directory, slf4j uses upstream's logger."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    caplog.set_level(logging.INFO, "org.apache.flink.agents.EventLog")
    run_with()
    assert not list(tmp_path.iterdir())
    assert not caplog.records
    run_with(eventLoggerType="FILE", prettyPrint="true")
    text = (tmp_path / "flink-agents" / "events-job-0.log").read_text()
    assert text.startswith('{\n  "timestamp"')
    assert text.count('"logLevel"') == 2
    run_with(eventLoggerType="slf4j")
    types = [json.loads(record.message)["eventType"] for record in caplog.records]
    assert types == ["_input_event", "_output_event"]


def test_a_directory_makes_a_file_whatever_the_kind(tmp_path):
    """As upstream: a baseLogDir that is not blank overrides eventLoggerType."""
    run_with(eventLoggerType="slf4j", baseLogDir=str(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["events-job-0.log"]


def test_options_of_any_configuration():
    from flink_agents.plan.configuration import AgentConfiguration

    assert option(AgentConfiguration({"chat.async": "false"}), "chat.async") is False
    assert option(AgentConfiguration(), "max-retries") == 3
