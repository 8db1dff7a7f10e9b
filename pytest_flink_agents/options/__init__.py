"""The plugin's options on the command line, in the environment and in the ini file.

Imports nothing heavy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_flink_agents.options import places, values
from pytest_flink_agents.options.declared import (
    ALLOWED_ENV,
    ALLOWED_PACKAGES,
    MODEL_PRICES,
    OPTIONS,
    PLAIN_ENV,
    REQUIREMENT_KINDS,
    Option,
    add_options,
)
from pytest_flink_agents.options.given import Given, given
from pytest_flink_agents.options.repeat import options_of_run
from pytest_flink_agents.options.requirements import project_requirements
from pytest_flink_agents.settings import Settings, auto_tiers

__all__ = ["OPTIONS", "Option", "add_options", "gate_reports", "is_gate", "options_of_run", "settings_of"]


def gate_reports(config: pytest.Config) -> Path | None:
    """Return the directory for reports before pytest loads a conftest.py, None without the gate.

    Workers of pytest-xdist have no reports. They are recognised by the way execnet starts them, too:
    a session that a test starts in a worker inherits the variable.
    """
    gate, report_dir = (
        next(given(config, option, early=True) for option in OPTIONS if option.name == name)
        for name in ("flink_gate", "flink_report_dir")
    )
    is_worker = "PYTEST_XDIST_WORKER" in os.environ and sys.argv[:1] == ["-c"]
    if is_worker or config.known_args_namespace.collectonly or not values.switch(gate):
        return None
    return _report_dir(config, report_dir)


def is_gate(config: pytest.Config) -> bool:
    """Return whether the session decides, also if it was ended before its settings were read."""
    return values.switch(next(given(config, option) for option in OPTIONS if option.name == "flink_gate"))


def _report_dir(config: pytest.Config, value: Given | None) -> Path:
    return config.rootpath / (value.text if value else "flink-agents-report")


def _others(config: pytest.Config) -> Sequence[str]:
    """Return the workers of pytest-xdist, none without it."""
    return getattr(config.option, "tx", None) or ()


def settings_of(config: pytest.Config) -> Settings:
    """Return the session's settings.

    Raises ``pytest.UsageError`` (exit code 4) for an invalid value.
    """
    found = {option.name: given(config, option) for option in OPTIONS}
    runs = values.integer(found["scenario_runs"], minimum=1) or 1
    gate = values.switch(found["flink_gate"])
    started_in = config.invocation_params.dir if gate else None
    policy, profile = places.policy(
        found["flink_policy"], found["flink_profile"], config.rootpath, started_in=started_in
    )
    named_tiers = values.tiers(found["flink_tier"], found["flink_rest_url"])
    return Settings(
        root=config.rootpath,
        configuration=places.configuration(found["flink_conf_dir"], config.rootpath),
        named_parallelism=found["flink_parallelism"] is not None,
        python_path=tuple(Path(entry) for entry in config.getini("pythonpath")),
        flink_versions=values.versions(found["flink_version"]),
        tiers=named_tiers or auto_tiers(remote=found["flink_rest_url"] is not None),
        named_tiers=named_tiers,
        remote=places.remote(found["flink_rest_url"]),
        engine=values.engine(found["flink_engine"]),
        flink_agents=places.flink_agents(found["flink_agents"]),
        job_python=places.job_python(found["flink_job_python"]),
        flink_image=values.text(found["flink_image"]),
        flink_base_image=values.text(found["flink_base_image"]),
        kafka_image=values.text(found["kafka_image"]),
        parallelism=values.integer(found["flink_parallelism"], minimum=1) or 1,
        processes=max(len(_others(config)), 1),
        startup_timeout_s=values.seconds(found["flink_startup_timeout"]) or 60.0,
        kafka_bootstrap=places.addresses(found["kafka_bootstrap"]),
        kafka_security=places.kafka_security(found["kafka_properties"], found["kafka_bootstrap"], config.rootpath),
        keep=values.keep(found["flink_keep"]),
        reuse=values.switch(found["flink_reuse"]),
        rest_auth=values.rest_auth(found["flink_rest_auth"]),
        gate=gate,
        policy=policy,
        profile=profile,
        baseline=places.baseline(found["flink_baseline"], config.rootpath),
        otel=places.otel(found["flink_otel"], config.rootpath),
        report_dir=_report_dir(config, found["flink_report_dir"]),
        debug_terminal=values.debug_terminal(found["flink_debug"], found["flink_gate"], processes=len(_others(config))),
        verbose=config.get_verbosity() > 0,
        report_runs=values.integer(found["flink_report_runs"], minimum=1) or 20,
        shard=values.shard(found["flink_shard"]),
        sign_key=values.sign_key(found["flink_sign_key"]),
        scenario_seed=values.seed(found["scenario_seed"], runs),
        scenario_runs=runs,
        allowed_env=tuple(config.getini(ALLOWED_ENV)),
        plain_env=tuple(config.getini(PLAIN_ENV)),
        allowed_packages=tuple(config.getini(ALLOWED_PACKAGES)),
        requirement_kinds=values.requirement_kinds(config, REQUIREMENT_KINDS),
        requirements=project_requirements(config),
        always_replay=values.switch(found["flink_always_replay"]),
        compare_tiers=values.switch(found["flink_compare_tiers"]),
        prices=values.model_prices(config, MODEL_PRICES),
        llm_mode=values.llm_mode(found["llm_mode"]),
        llm_overwrite=values.switch(found["llm_overwrite"]),
        cassette_dir=places.directory(found["llm_cassette_dir"], config.rootpath),
    )
