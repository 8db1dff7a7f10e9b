"""Measure the start of clusters, containers and brokers.

Flink's own scripts are measured beside them.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from bench.shipped_scripts import started_by_scripts_s
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.directories import cache_root
from flink_testbed.core.problem import HostError
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.standalone import StandaloneCluster
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import KafkaHome, format_template, provide_kafka
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.vocabulary import Tier

_ROUNDS = 5


def start_costs(environment: TestEnvironment, directory: Path) -> dict[str, float]:
    """Measure all starts, about 4 minutes on two slow cores."""
    figures = cluster_costs(environment, directory)
    return figures | container_costs(environment, directory, figures) | kafka_costs(directory)


def report_progress(line: str) -> None:
    """Report progress on standard error, beside the table."""
    sys.stderr.write(line + "\n")


def cluster_costs(environment: TestEnvironment, directory: Path) -> dict[str, float]:
    """Measure the start and memory of embedded clusters.

    Clusters with and without class archives and by Flink's own scripts are started in turn.

    A ratio is the median of the ratios of the rounds, since load on the machine slows all three
    starts of a round.
    """
    report_progress("embedded clusters and Flink's own start scripts, in turn (about 2 min)")
    rounds = []
    memory = 0
    for number in range(_ROUNDS):
        times = {}
        for archived in (True, False):
            cluster = embedded(environment, directory / f"cluster-{number}-{archived}", archived=archived)
            cluster.start()
            times[archived] = cluster.startup_s
            memory = max(memory, cluster.resident_bytes())
            cluster.close()
        place = directory / f"scripts-{number}"
        place.mkdir()
        rounds.append((times[True], times[False], started_by_scripts_s(environment, place)))
    warm, plain, shipped = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "embedded cluster ready, with class archives [s]": warm,
        "embedded cluster ready, without [s]": plain,
        "ratio with / without": statistics.median(warm / plain for warm, plain, _ in rounds),
        "idle cluster, resident [MiB]": memory / 2**20,
        "bin/start-cluster.sh, until the slot is there [s]": shipped,
        "ratio embedded / scripts": statistics.median(warm / scripts for warm, _, scripts in rounds),
        "ratio embedded, without class archives / scripts": statistics.median(
            plain / scripts for _, plain, scripts in rounds
        ),
    }


def embedded(environment: TestEnvironment, directory: Path, *, archived: bool) -> StandaloneCluster:
    """Return a cluster of processes that is not started yet."""
    return StandaloneCluster(
        environment.flink_home,
        ClusterConfig(),
        directory=directory,
        ports=cache_root() / "ports",
        archives=cache_root() / "class-archives" if archived else None,
        startup_timeout_s=60,
        environment={},
        progress=lambda line: None,
    )


def container_costs(environment: TestEnvironment, directory: Path, figures: dict[str, float]) -> dict[str, float]:
    """Measure the start of a cluster in containers.

    Image and engine are ready before. Empty without an engine or a base image.
    """
    times = []
    try:
        for round_number in range(4):
            cluster = environment.new_cluster(
                ClusterConfig(), directory / f"containers-{round_number}", tier=Tier.CONTAINER
            )
            cluster.start()
            times.append(cluster.startup_s)
            cluster.close()
    except HostError as error:
        report_progress(
            f"containers: not measured ({error.problems[0].code}: {error.problems[0].message}: {error.problems[0].seen})"
        )
        return {}
    median = statistics.median(times)
    shipped = figures["bin/start-cluster.sh, until the slot is there [s]"]
    return {"cluster in containers ready [s]": median, "ratio containers / scripts": median / shipped}


def broker(home: KafkaHome, directory: Path, *, archived: bool, brokers: int = 1) -> EmbeddedKafka:
    """Return a Kafka that is not started yet."""
    return EmbeddedKafka(
        home,
        directory=directory / f"kafka-{time.perf_counter_ns()}",
        ports=cache_root() / "ports",
        archives=cache_root() / "class-archives" if archived else None,
        run_id="bench",
        startup_timeout_s=60,
        progress=lambda line: None,
        brokers=brokers,
    )


def kafka_costs(directory: Path) -> dict[str, float]:
    """Measure the start and memory of Kafka brokers.

    A cold start is the first one on a machine that already has the jars.
    """
    home = provide_kafka(resolve_flink("2.2").line, progress=report_progress)
    # The first broker writes the class archive that the warm ones use.
    first = broker(home, directory, archived=True)
    first.start()
    first.close()
    figures: dict[str, list[float]] = {}
    for number in range(_ROUNDS):
        started = time.perf_counter()
        place = directory / f"format-{number}"
        place.mkdir()
        format_template(place, home.java.java, home.jars)
        formatted_s = time.perf_counter() - started
        for name, archived, brokers, before_s in (
            ("Kafka broker ready, cold: formatted, no class archive [s]", False, 1, formatted_s),
            ("Kafka broker ready, warm [s]", True, 1, 0.0),
            ("three Kafka brokers ready, warm [s]", True, 3, 0.0),
        ):
            kafka = broker(home, directory, archived=archived, brokers=brokers)
            kafka.start()
            figures.setdefault(name, []).append(before_s + kafka.startup_s)
            if brokers == 1:
                figures.setdefault("idle Kafka broker, resident [MiB]", []).append(kafka.resident_bytes() / 2**20)
            kafka.close()
    return {name: statistics.median(values) for name, values in figures.items()}
