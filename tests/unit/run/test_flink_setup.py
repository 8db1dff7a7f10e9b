"""The options of a run from the scenario, the team's configuration file and the run itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError
from flink_testbed.flink.options import Scope, is_known, nearest_option, nearest_options, reserved, scope_of
from pytest_flink_agents.checks.configuration import check_configuration
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.cluster_name import cluster_name, cluster_named
from pytest_flink_agents.provision.flink_setup import ConfigRow, FlinkSetup, effective_rows, flink_setup, rows_as_data
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.run.job_launch import client_configuration
from pytest_flink_agents.scenario.configuration.content import Placed, TeamConfiguration, read_configuration
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier

SETTINGS = Settings(Path(), ())
FILE = """\
rest.port: 8081
taskmanager: {memory.process.size: 8g, debug.memory.log: true}
execution.checkpointing: {interval: 5s, dir: "s3://bucket/x"}
parallelism.default: 2
s3.secret-key: hidden-value
agent:
  max-retries: 5
  baseLogDir: /logs
  event-listeners: [shop.Listener]
  actionStateStoreBackend: kafka
  kafkaActionStateTopic: states
  flussSaslPassword: hidden-value
"""


@pytest.fixture
def team(tmp_path: Path) -> TeamConfiguration:
    file = tmp_path / "config.yaml"
    file.write_text(FILE)
    read = read_configuration(file, "conf/config.yaml")
    assert read.content is not None, read.findings
    return read.content


def own(**options: str) -> dict[str, Placed]:
    return {key.replace("_", "."): Placed(value, "x.scenario.yaml:4") for key, value in options.items()}


def test_each_option_of_the_file_has_its_line_or_the_reason_why_it_has_no_effect(team: TeamConfiguration) -> None:
    setup = flink_setup(team, {}, SETTINGS, tier=Tier.EMBEDDED, engine=Engine.BUNDLED)
    assert setup.rows["execution.checkpointing.interval"] == ConfigRow("5s", "conf/config.yaml:3")
    assert setup.rows["taskmanager.debug.memory.log"] == ConfigRow("true", "conf/config.yaml:2")
    assert setup.rows["rest.port"].note.startswith("conf/config.yaml:1 says 8081: all processes of the test cluster")
    assert "this machine" in setup.rows["taskmanager.memory.process.size"].note
    assert "its own folder" in setup.rows["execution.checkpointing.dir"].note
    assert setup.agent == {"max-retries": 5}
    assert setup.agent_rows["max-retries"] == ConfigRow(5, "conf/config.yaml:7")
    assert "evidence" in setup.agent_rows["baseLogDir"].note
    assert "Java classes" in setup.agent_rows["event-listeners"].note
    assert "deployment" in setup.agent_rows["actionStateStoreBackend"].note
    assert "hidden-value" not in repr(setup.rows) + repr(setup.agent_rows)


def test_options_of_the_job_and_of_the_cluster_are_kept_apart(team: TeamConfiguration) -> None:
    setup = flink_setup(team, {}, SETTINGS, tier=Tier.EMBEDDED)
    assert setup.job == {"execution.checkpointing.interval": "5s", "python.execution-mode": "process"}
    assert setup.variant == ClusterVariant((("taskmanager.debug.memory.log", "true"),))
    assert setup.parallelism == 2
    assert setup.rows["python.execution-mode"].source == "Flink's default"


def test_the_scenarios_own_options_win(team: TeamConfiguration) -> None:
    options = own(execution_checkpointing_interval="1s")
    setup = flink_setup(team, options, SETTINGS, tier=Tier.EMBEDDED, config={"max-retries": 1})
    assert setup.job["execution.checkpointing.interval"] == "1s"
    row = setup.rows["execution.checkpointing.interval"]
    assert (row.source, row.note) == (
        "x.scenario.yaml:4",
        "conf/config.yaml:3 says 5s; the scenario's own option wins",
    )
    assert "max-retries" not in setup.agent
    assert setup.agent_rows["max-retries"].note == "conf/config.yaml:7 says 5: the scenario's own option wins"


def test_without_flink_only_options_of_flink_agents_apply(team: TeamConfiguration) -> None:
    setup = flink_setup(team, {}, SETTINGS, tier=Tier.LOCAL, engine=Engine.BUNDLED)
    assert setup.agent == {"max-retries": 5}
    assert {row.source for row in setup.rows.values()} == {"not applicable"}
    assert (setup.job, setup.variant, setup.parallelism) == ({}, SESSION_CLUSTER, 1)


def test_an_external_cluster_keeps_its_configuration(team: TeamConfiguration) -> None:
    setup = flink_setup(team, own(heartbeat_timeout="9s"), SETTINGS, tier=Tier.REMOTE)
    assert setup.variant == SESSION_CLUSTER
    assert setup.rows["taskmanager.debug.memory.log"].source == "the remote cluster"
    assert setup.rows["execution.checkpointing.dir"].value == "s3://bucket/x"
    # The file was written for a cluster; an option of the scenario would be ignored.
    with pytest.raises(HostError, match=r"FA440.*\n.*\n.*options of the cluster: heartbeat.timeout"):
        setup.require_possible(own(heartbeat_timeout="9s"))


def test_code_that_is_shipped_needs_process_mode() -> None:
    thread = {"python.execution-mode": Placed("thread", "conf/config.yaml:1")}
    setup = flink_setup(TeamConfiguration("f", {}, thread), {}, SETTINGS, tier=Tier.REMOTE)
    assert setup.job == {"python.execution-mode": "process"}
    assert "shipped with a job" in setup.rows["python.execution-mode"].note


def test_a_cluster_of_its_own_is_needed_only_for_other_options_or_more_slots() -> None:
    def variant(**options: str) -> ClusterVariant:
        return flink_setup(None, own(**options), SETTINGS, tier=Tier.EMBEDDED).variant

    assert variant(heartbeat_timeout="20s") == SESSION_CLUSTER
    assert variant(parallelism_default="4") == SESSION_CLUSTER
    assert variant(parallelism_default="8") == ClusterVariant(slots=8)
    assert variant(heartbeat_timeout="9s").options == (("heartbeat.timeout", "9s"),)
    classes = {"classloader.parent-first-patterns.additional": Placed("shop.", "f:1")}
    (option,) = flink_setup(None, classes, SETTINGS, tier=Tier.EMBEDDED).variant.options
    assert option[1] == "pemja.;shop."
    upstream = flink_setup(None, classes, SETTINGS, tier=Tier.EMBEDDED, engine=Engine.UPSTREAM).variant
    assert upstream.options[0][1] == "pemja.;org.apache.flink.agents.;shop."


def test_the_parallelism_of_the_command_line_wins_over_the_file(team: TeamConfiguration) -> None:
    named = replace(SETTINGS, parallelism=3, named_parallelism=True)
    assert flink_setup(team, {}, named, tier=Tier.EMBEDDED).parallelism == 3
    assert flink_setup(team, own(parallelism_default="4"), named, tier=Tier.EMBEDDED).parallelism == 4
    large = TeamConfiguration("f", {}, {"parallelism.default": Placed("64", "f:1")})
    setup = flink_setup(large, {}, SETTINGS, tier=Tier.EMBEDDED)
    assert (setup.parallelism, setup.rows["parallelism.default"].value) == (16, "16")
    assert flink_setup(large, {}, SETTINGS, tier=Tier.REMOTE).parallelism == 64


def test_every_option_of_the_cluster_has_a_row() -> None:
    setup = FlinkSetup(
        variant=ClusterVariant((("heartbeat.timeout", "9s"), ("slot.timeout", "1s"))),
        rows={
            "heartbeat.timeout": ConfigRow("9s", "f:1"),
            "slot.timeout": ConfigRow("1s", "f:2"),
            "rest.port": ConfigRow(None, "the harness", "f:3 says 8081: why"),
        },
    )
    reported = {"heartbeat.timeout": "9s", "slot.timeout": "2s", "rest.port": "40001", "web.tmpdir": "/w"}
    rows = effective_rows(setup, reported, external=False)
    assert rows["heartbeat.timeout"] == ConfigRow("9s", "f:1")
    assert rows["rest.port"] == ConfigRow("40001", "the harness", "f:3 says 8081: why")
    assert rows["web.tmpdir"] == ConfigRow("/w", "the harness")
    assert rows["slot.timeout"].note == "the cluster did not take it: it runs with 2s"
    evidence = Evidence("embedded", "2.2.1", "bundled", flink_config=rows_as_data(rows))
    result = check_configuration(evidence)
    assert result.validity is Validity.UNKNOWN
    assert [finding.message for finding in result.findings] == [
        "f:2: slot.timeout: the cluster did not take it: it runs with 2s"
    ]
    assert check_configuration(replace(evidence, flink_config={})).validity is Validity.VALID
    silent = replace(evidence, flink_config=rows_as_data(effective_rows(setup, {}, external=False)))
    assert check_configuration(silent).validity is Validity.UNKNOWN


def test_the_client_of_a_program_gets_the_options_that_the_run_honours(team: TeamConfiguration) -> None:
    setup = flink_setup(team, {}, SETTINGS, tier=Tier.EMBEDDED)
    assert yaml.safe_load(client_configuration(setup)) == {
        "taskmanager.debug.memory.log": "true",
        "execution.checkpointing.interval": "5s",
        "python.execution-mode": "process",
        "agent": {"max-retries": 5, "event-listeners": ["shop.Listener"]},
    }
    assert client_configuration(FlinkSetup()) == "{}\n"


def test_the_name_of_a_cluster_holds_its_variant() -> None:
    variant = ClusterVariant((("slot.timeout", "1s"),), 8)
    tier, release, requirements, _ = cluster_named(cluster_name(Tier.EMBEDDED, resolve_flink("2.2"), ("a==1",)))
    assert (tier, requirements) == (Tier.EMBEDDED, ("a==1",))
    assert cluster_named(cluster_name(tier, release, (), variant))[3] == variant


@pytest.mark.parametrize(
    ("key", "scope", "is_reserved"),
    [
        ("execution.checkpointing.interval", Scope.JOB, False),
        ("state.backend.type", Scope.JOB, False),
        ("table.exec.mini-batch.enabled", Scope.JOB, False),
        ("restart-strategy.type", Scope.JOB, False),
        ("heartbeat.timeout", Scope.CLUSTER, False),
        ("jobmanager.scheduler", Scope.CLUSTER, False),
        ("some.plugin.option", Scope.CLUSTER, False),
        ("high-availability.type", Scope.CLUSTER, True),
        ("metrics.reporter.prom.port", Scope.CLUSTER, True),
        ("security.ssl.rest.enabled", Scope.CLUSTER, True),
        ("env.java.opts.all", Scope.CLUSTER, True),
        ("python.executable", Scope.JOB, True),
        ("execution.target", Scope.JOB, True),
        ("s3.access.token", Scope.CLUSTER, True),
    ],
)
def test_the_owner_of_an_option_and_the_options_that_a_run_sets_itself(
    key: str, scope: Scope, *, is_reserved: bool
) -> None:
    assert scope_of(key) is scope
    assert bool(reserved(key)) is is_reserved


def test_names_of_options_are_known_and_near_misses_found() -> None:
    assert is_known("execution.checkpointing.interval")
    assert not is_known("checkpointing.interval")
    assert nearest_option("checkpointing.interval") == "execution.checkpointing.interval"
    assert nearest_option("heartbeat.timeuot") == "heartbeat.timeout"
    assert nearest_option("shop.limit") == ""


def test_only_the_first_fifty_unknown_keys_are_compared() -> None:
    keys = [f"heartbeat.timeuot{number}" for number in range(60)]
    assert len(nearest_options(["heartbeat.timeout", *keys])) == 50
