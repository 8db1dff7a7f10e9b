"""The environment variables of a broker's container."""

from __future__ import annotations

import runpy
from pathlib import Path

import flink_testbed.kafka
from flink_testbed.kafka.container import broker_variables, variable_of
from flink_testbed.kafka.settings import shared_settings

RUN = Path(flink_testbed.kafka.__file__).parent / "image" / "run.py"


def test_there_is_a_listener_for_this_machine_and_one_for_networks() -> None:
    variables = broker_variables(20123)
    assert variables["KAFKA_ADVERTISED_LISTENERS"] == "HOST://127.0.0.1:20123,NETWORK://kafka:19092"
    listeners = variables["KAFKA_LISTENERS"].split(",")
    assert listeners[:2] == ["HOST://0.0.0.0:9092", "NETWORK://0.0.0.0:19092"]
    assert listeners[2].startswith("CONTROLLER://127.0.0.1:")


def test_settings_are_those_of_an_embedded_broker() -> None:
    variables = broker_variables(20123)
    for name, value in shared_settings(1).items():
        assert variables[variable_of(name)] == str(value)


def test_the_image_turns_variables_back_into_properties() -> None:
    property_of = runpy.run_path(str(RUN))["property_of"]
    for name in (*shared_settings(1), "a_b.c-d", "log.dirs"):
        assert property_of(variable_of(name)) == name
