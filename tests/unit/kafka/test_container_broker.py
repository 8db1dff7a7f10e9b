"""What a broker's container is told."""

from __future__ import annotations

import runpy
from pathlib import Path

import flink_testbed.kafka
from flink_testbed.kafka.container import broker_variables, variable_of
from flink_testbed.kafka.settings import shared_settings

RUN = Path(flink_testbed.kafka.__file__).parent / "image" / "run.py"


def test_two_ways_lead_to_it() -> None:
    """This machine's, which is published, and the network's; the controller is reached from inside alone."""
    told = broker_variables(20123)
    assert told["KAFKA_ADVERTISED_LISTENERS"] == "HOST://127.0.0.1:20123,NETWORK://kafka:19092"
    listeners = told["KAFKA_LISTENERS"].split(",")
    assert listeners[:2] == ["HOST://0.0.0.0:9092", "NETWORK://0.0.0.0:19092"]
    assert listeners[2].startswith("CONTROLLER://127.0.0.1:")


def test_it_is_set_as_the_embedded_one_is() -> None:
    """Every setting that brokers share, one broker's."""
    told = broker_variables(20123)
    for name, value in shared_settings(1).items():
        assert told[variable_of(name)] == str(value)


def test_our_image_reads_what_it_is_told() -> None:
    """The names of variables lead back to the names of properties."""
    property_of = runpy.run_path(str(RUN))["property_of"]
    for name in (*shared_settings(1), "a_b.c-d", "log.dirs"):
        assert property_of(variable_of(name)) == name
