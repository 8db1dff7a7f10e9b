"""The linter of Flink configurations and scenarios."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_flink_agents.cli.main import main
from pytest_flink_agents.codes.lint import CODES
from pytest_flink_agents.scenario.configuration.file import findings, place

SOUND = """\
jobmanager.rpc.address: localhost
env.java.opts.all: "--add-exports=a=b"
execution: {checkpointing: {interval: 5s}}
state:
  backend: {type: rocksdb}
agent:
  baseLogDir: /logs
  prettyPrint: false
  eventLoggerType: file
  error-handling-strategy: retry
  max-retries: 5
  event-log:
    level: "OFF"
    type: {shop.booked: {level: VERBOSE}}
  chat: {async: false}
  actionStateStoreBackend: Kafka
  kafkaActionStateTopic: states
  long-term-memory.mem0: {chat-model-setup: a, embedding-model-setup: b, vector-store: c}
  shop.limit: 3
"""
# text -> what is found in it: place, severity, code, and something that is said.
TRAPS = [
    ("agent.baseLogDir: /x", "1:1 error FA461", "agent: {baseLogDir: ...}"),
    ("a: 1\nagent.my.own: 1", "2:1 error FA461", "agent: {my.own: ...}"),
    ("event-log.level: STANDARD", "1:1 error FA462", "outside of agent:"),
    ("event-log:\n  type: {a: {level: VERBOSE}}", "2:14 error FA462", "event-log.type.a.level"),
    ("x: 1\nmax-retries: 3", "2:1 error FA462", "agent: {max-retries: ...}"),
    ("eventLog.level: STANDARD", "1:1 error FA462", "agent: {event-log.level: ...}"),
    ("agents: {max-retries: 3}", "1:1 error FA462", "call it agent:"),
    ("Agent: {max-retries: 3}", "1:1 error FA462", "call it agent:"),
    ("agent: {event_log.level: VERBOSE}", "1:9 warning FA463", "did you mean event-log.level?"),
    ("agent: {eventLog: {level: VERBOSE}}", "1:20 warning FA463", "did you mean event-log.level?"),
    ("agent:\n  chat.async: 'false'", "2:15 error FA464", "take off the quotes: false"),
    ("agent:\n  prettyPrint: 'TRUE'", "2:16 error FA464", "take off the quotes: true"),
    ("agent: {error-handling-strategy: RETRY}", "1:34 error FA465", "write retry"),
    ("agent: {eventLoggerType: FILE}", "1:26 warning FA465", "write file"),
    ("agent: {event-log.level: loud}", "1:26 error FA466", "OFF, STANDARD, VERBOSE"),
    ("agent: {error-handling-strategy: retri}", "1:34 error FA466", "did you mean retry?"),
    ("agent: {max-retries: many}", "1:22 error FA466", "an int"),
    ("agent: {num-async-threads: 0}", "1:28 error FA466", "at least 1"),
    ("agent: {actionStateStoreBackend: kafak}", "1:34 error FA467", "did you mean kafka?"),
    ("agent: {actionStateStoreBackend: kafka}", "1:34 error FA468", "needs kafkaActionStateTopic"),
    ("agent: {actionStateStoreBackend: FLUSS}", "1:34 error FA468", "needs flussActionStateTable"),
    ("agent: {kafkaActionStateTopic: t}", "1:9 warning FA468", "no effect without"),
    ("agent: {event-log.trace.enabled: true}", "1:9 warning FA480", "flink-agents 0.4"),
    ("agent: {tool-call.max-rounds: 9}", "1:9 warning FA480", "the bundled engine"),
    ("agent: {event-log.level: OFF}", "1:26 error FA481", 'quote it: "OFF"'),
    ("agent: {rag.async: no}", "1:20 error FA481", "write true or false"),
    ("agent: {shop.code: 010}", "1:20 error FA487", "quote it"),
    ("agent: {shop.code: 08}", "1:20 error FA487", "quote it"),
    ("agent: {shop.password: 0123}", "1:24 error FA487", "***"),
    ("agent: {shop.closes: 12:30:45}", "1:22 error FA487", "quote it"),
    ("agent: {shop.limit: 1_000}", "1:21 error FA487", "quote it"),
    ("agent: {shop.limit: 1e3}", "1:21 error FA487", "quote it"),
    ("agent: {shop.mode: 0o17}", "1:20 error FA487", "quote it"),
    ("agent: {long-term-memory.mem0.vector-store: v}", "1:9 warning FA482", "mem0.chat-model-setup"),
    ("", "1:1 error FA483", "empty"),
    ("# nothing", "1:1 error FA483", "empty"),
    ("agent:", "1:7 error FA483", "no mapping below it"),
    ("agent: 3", "1:8 error FA483", "no mapping below it"),
    ("[1]", "1:1 error FA483", "the file is not a mapping"),
    ("agent: {max-retries: 1, max: {}}\n---\na: 1", "3:1 error FA460", "second document"),
    ("agent: {a.b: 1, a: {b: 2}}", "1:21 error FA484", "in line 1"),
    ("state: {backend: {type: hashmap}}\nstate.backend.type: rocksdb", "2:1 error FA484", "in line 1"),
    ("agent:\n  baseLogDir:", "2:14 error FA485", "does not start"),
    ("rest:\n  port: null\n", "2:9 error FA485", "does not start"),
    ("parallelism.default: many", "1:22 error FA466", "at least 1"),
    ("checkpointing.interval: 5s", "1:1 warning FA486", "did you mean execution.checkpointing.interval?"),
    ("paralelism: {default: 2}", "1:14 warning FA486", "did you mean parallelism.default?"),
    ("agent: {a: 1, a: 2}", "1:15 error FA460", "a"),
    ("agent: {", "2:1 error FA460", "not valid YAML"),
]


def told(text: str) -> list[tuple[str, str]]:
    """Place, severity and code of each finding, and all that it says."""
    return [
        (
            f"{found.line}:{found.column} {found.severity} {found.code}",
            " ".join((found.message, found.expected, found.seen, found.next_step)),
        )
        for found in findings(text.encode(), "config.yaml")
    ]


def test_a_sound_configuration_has_no_finding() -> None:
    assert told(SOUND) == []


@pytest.mark.parametrize(("text", "at", "said"), TRAPS)
def test_each_trap_is_found_at_its_place(text: str, at: str, said: str) -> None:
    ((where, words),) = told(text)
    assert where == at
    assert said in words


@pytest.mark.parametrize("value", ["0", "007", "10", "1.5", "'010'", "2020-01-01", "0x1F", "1.0"])
def test_numbers_that_both_languages_read_alike_are_sound(value: str) -> None:
    assert told(f"agent: {{shop.limit: {value}}}") == []


def test_all_findings_come_in_the_order_of_the_lines() -> None:
    text = "agent:\n  max-retries: x\n  chat.async: 'no'\nbaseLogDir: /x\nagent.rag.async: true\n"
    assert [at.partition(" ")[0] for at, _ in told(text)] == ["2:16", "3:15", "4:1", "5:1"]


def test_every_code_is_found_by_a_test() -> None:
    # FA469 is about the place of the file, not about its text.
    found = {code for _, at, _ in TRAPS for code in at.split() if code.startswith("FA")}
    assert found | {"FA469"} == set(CODES)


def test_secrets_are_not_shown() -> None:
    ((_, words),) = told("agent: {flussSaslPassword: [hidden]}")
    assert "hidden" not in words
    assert "***" in words


def test_a_file_that_no_client_reads_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SOUND)

    def said(path: Path, directory: str) -> str:
        return "; ".join(found.message for found in place(path, {"FLINK_CONF_DIR": directory}))

    assert said(file, str(tmp_path)) == ""
    assert "is not set" in said(file, "")
    linked = tmp_path / "mounted" / "config.yaml"
    linked.parent.mkdir()
    linked.symlink_to(file)
    assert said(linked, str(linked.parent)) == ""
    (only_there,) = place(file, {})
    assert "not on a TaskManager" in only_there.next_step
    assert "is another directory" in said(file, str(tmp_path.parent))
    assert "it has to be the directory" in said(file, str(file))
    assert "only a program that names this file reads it" in said(tmp_path / "agents.yaml", str(tmp_path))
    legacy = tmp_path / "flink-conf.yaml"
    legacy.write_text(SOUND)
    assert "Python reads that file instead" in said(file, str(tmp_path))
    assert "Python reads this file" in said(legacy, str(tmp_path))


def test_the_command_prints_lines_for_people_and_json_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(SOUND + "  event_log.level: VERBOSE\n")
    monkeypatch.setenv("FLINK_CONF_DIR", str(tmp_path))
    assert main(["lint", str(file)]) == 0
    out = capsys.readouterr().out
    assert f"{file}:20:3: warning: FA463: event_log.level is not an option" in out
    assert out.endswith("1 file: 0 errors, 1 warning\n")
    file.write_text("agent: {max-retries: x}\n")
    assert main(["lint", str(file), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    ((finding,),) = [file["findings"] for file in document["files"]]
    assert (finding["code"], finding["severity"], finding["line"], finding["column"]) == ("FA466", "error", 1, 22)
    assert main(["lint", str(tmp_path / "missing.yaml")]) == 2
    assert "FA460" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose ini file allows a variable and an import root, with an agent in it."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nflink_scenario_env = SHOP_URL\npythonpath = src\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "shop.py").touch()
    (tmp_path / "conftest.py").write_text("raise SystemExit('conftest.py ran')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def findings_of(capsys: pytest.CaptureFixture[str], *paths: str) -> dict[str, list[str]]:
    """The codes that ``lint --json`` finds, by file."""
    main(["lint", "--json", *paths])
    document = json.loads(capsys.readouterr().out)
    return {file["file"]: [finding["code"] for finding in file["findings"]] for file in document["files"]}


def test_a_scenario_is_checked_with_the_values_of_the_ini_file(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "good.scenario.yaml").write_text(SCENARIO)
    (project / "bad.scenario.yaml").write_text(SCENARIO.replace("SHOP_URL", "HOME").replace("shop:", "shopp:"))
    found = findings_of(capsys, "good.scenario.yaml", "bad.scenario.yaml")
    assert found["good.scenario.yaml"] == []
    assert "FA210" in found["bad.scenario.yaml"]


def test_a_wrong_ini_value_is_one_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pytest.ini").write_text("[pytest]\nflink_version = 9.9\n")
    (project / "good.scenario.yaml").write_text(SCENARIO)
    assert main(["lint", "good.scenario.yaml"]) == 2
    assert "pytest.ini: flink_version = 9.9: FA410" in capsys.readouterr().err


def test_each_kind_of_file_below_a_directory_is_found_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "conf").mkdir()
    (project / "conf" / "config.yaml").write_text("agent: {max-retries: x}\n")
    (project / "conf" / "other.yaml").write_text("not: looked at\n")
    (project / "conf" / "up").symlink_to("..", target_is_directory=True)
    (project / ".venv").mkdir()
    (project / ".venv" / "config.yaml").write_text("")
    (project / "x.scenario.yml").write_text(SCENARIO)
    found = findings_of(capsys, ".", "conf/config.yaml")
    assert list(found) == ["x.scenario.yml", "conf/config.yaml"]
    assert "FA466" in found["conf/config.yaml"]


def test_a_link_to_itself_is_a_finding(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "loop.scenario.yaml").symlink_to("loop.scenario.yaml")
    (project / "config.yaml").symlink_to("config.yaml")
    found = findings_of(capsys, ".")
    assert found["loop.scenario.yaml"] == ["FA206"]
    assert found["config.yaml"][0] == "FA460"


SCENARIO = """\
version: "1"
name: refund
agent: shop:RefundAgent
inputs: [{key: a, value: 1}]
expect: {outputs: []}
resources: {chat_model_connections: [{name: s, clazz: ollama, base_url: "${env.SHOP_URL}"}]}
"""


def test_a_mistake_in_an_included_file_names_that_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "common.yaml").write_text("owner: team\nimputs: 1\n")
    text = 'version: "1"\nname: a\ninclude: [common.yaml]\nagent: shop.agents:A\ninputs: 3\nexpect: {outputs: []}\n'
    (project / "x.scenario.yaml").write_text(text)
    main(["lint", "x.scenario.yaml"])
    printed = capsys.readouterr().out
    assert "common.yaml:2:1: error: FA202" in printed
    assert "x.scenario.yaml:5:9: error: FA203" in printed
