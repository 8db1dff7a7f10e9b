"""What starting and running cost, measured in one run: ``make bench``. Writes ``bench/results.json`` and prints a table.

Medians of several rounds, whole processes where a user would see whole processes. Figures of shared machines are noisy:
compare the ratios, and only within one run.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.on_flink import figures_on_flink
from bench.shipped_scripts import started_by_scripts_s
from bench.speed_lines import as_json, table
from flink_testbed.artifacts.cache import cache_root
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError
from flink_testbed.core.process import clean_environment
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.standalone import FlinkHome, StandaloneCluster
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import KafkaHome, format_template, provide_kafka
from pytest_flink_agents.report.redact import Redactor
from pytest_flink_agents.run.scenario_run import RunRequest, run_embedded, run_local
from pytest_flink_agents.run.session import RunSession
from pytest_flink_agents.run.settings import Settings
from pytest_flink_agents.run.workplace import Workplace

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.json"
ONE_SCENARIO = """\
version: "1"
name: scenario NUMBER
description: one of a thousand
tags: [many]
agent: scenarios.agents.till:TillAgent
inputs:
  - {key: a, value: {item: tea, amount: 3}}
  - {key: b, value: {item: rope, amount: 20}}
expect:
  outputs:
    - {key: a, value: {item: tea, total: 3, purchases: 1}}
    - {key: b, value: {item: rope, total: 20, purchases: 1}}
  order: per_key
within: 30s
"""


def seconds(action: Callable[[], object], rounds: int) -> float:
    """The median time of an action."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def tell(line: str) -> None:
    """Progress, beside the table."""
    sys.stderr.write(line + "\n")


def pytest_in(directory: Path, *options: str) -> None:
    """One whole pytest process; a failure of it is a failure of the bench."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):
        raise SystemExit(done.stdout + done.stderr)


def plugin_costs(directory: Path) -> dict[str, float]:
    """What the plugin adds to a project that does not use it, and what collecting many scenarios takes."""
    unused = directory / "unused"
    unused.mkdir()
    (unused / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    many = directory / "many"
    many.mkdir()
    (many / "pytest.ini").write_text("[pytest]\n")
    for number in range(100):
        documents = [ONE_SCENARIO.replace("NUMBER", str(10 * number + index)) for index in range(10)]
        (many / f"s{number}.scenario.yaml").write_text("---\n".join(documents))
    pairs = [
        (
            seconds(lambda: pytest_in(unused, "--collect-only"), 1),
            seconds(lambda: pytest_in(unused, "--collect-only", "-p", "no:flink_agents"), 1),
        )
        for _ in range(9)
    ]
    return {
        "plugin loaded and unused, added to pytest's start [s]": statistics.median(one - other for one, other in pairs),
        "collect 1,000 scenarios, whole process [s]": seconds(
            lambda: pytest_in(many, "--collect-only", "--flink-tier=local"), 3
        ),
    }


def cluster_costs(workplace: Workplace, directory: Path) -> dict[str, float]:
    """A cluster's start with and without class archives, in turn, and its memory."""
    environment, java = workplace.environment, workplace.java
    home = FlinkHome(
        environment.flink_home,
        environment.flink_version,
        java.java,
        java.version,
        environment.python,
        (environment.site_packages,),
    )
    times: dict[bool, list[float]] = {True: [], False: []}
    memory = 0
    for round_number in range(5):
        for archived in (True, False):
            cluster = StandaloneCluster(
                home,
                ClusterConfig(),
                directory=directory / f"cluster-{round_number}-{archived}",
                ports=cache_root() / "ports",
                archives=cache_root() / "class-archives" if archived else None,
                startup_timeout_s=60,
                environment={},
                progress=lambda line: None,
            )
            cluster.start()
            times[archived].append(cluster.startup_s)
            memory = max(memory, cluster.resident_bytes())
            cluster.close()
    warm, plain = statistics.median(times[True]), statistics.median(times[False])
    return {
        "embedded cluster ready, with class archives [s]": warm,
        "embedded cluster ready, without [s]": plain,
        "ratio with / without": warm / plain,
        "idle cluster, resident [MiB]": memory / 2**20,
    }


def script_costs(workplace: Workplace, directory: Path, embedded_s: float) -> dict[str, float]:
    """The start that Flink ships, beside ours with class archives."""
    tell("Flink's own start scripts (about 1 min)")
    times = []
    for number in range(2):
        place = directory / f"scripts-{number}"
        place.mkdir()
        times.append(started_by_scripts_s(workplace, place))
    shipped = statistics.median(times)
    return {
        "bin/start-cluster.sh, until the slot is there [s]": shipped,
        "ratio embedded / scripts": embedded_s / shipped,
    }


def container_costs(workplace: Workplace, directory: Path) -> dict[str, float]:
    """A cluster's start in containers, image and engine ready; nothing where there is no engine or no base image."""
    times = []
    try:
        for round_number in range(4):
            cluster = workplace.new_cluster(ClusterConfig(), directory / f"containers-{round_number}", tier="container")
            cluster.start()
            times.append(cluster.startup_s)
            cluster.close()
    except HostError as error:
        tell(f"cluster in containers: not run ({error.problems[0].code}: {error.problems[0].message})")
        return {}
    return {"cluster in containers ready [s]": statistics.median(times)}


def broker(home: KafkaHome, directory: Path, *, archived: bool, brokers: int = 1) -> EmbeddedKafka:
    """A Kafka that is not started yet."""
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
    """A broker's start: as on a machine that has the jars and nothing else yet, and as ever after; and its memory."""
    home = provide_kafka(resolve_flink("2.2").line, progress=tell)
    # Whoever starts the first one leaves the archive that the others use.
    first = broker(home, directory, archived=True)
    first.start()
    first.close()
    figures: dict[str, list[float]] = {}
    for number in range(5):
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


def resident_mib(workplace: Workplace) -> float:
    """Memory of the session's embedded cluster."""
    cluster = workplace.cluster()
    assert isinstance(cluster, StandaloneCluster)
    return cluster.resident_bytes() / 2**20


def scenario_costs(workplace: Workplace, directory: Path) -> dict[str, float]:
    """One scenario of 20 inputs, again and again, on warm parts."""
    inputs = [{"key": f"k{number % 4}", "value": {"item": "i", "amount": number}} for number in range(20)]

    def request() -> RunRequest:
        folder = directory / f"run-{time.perf_counter_ns()}"
        folder.mkdir()
        return RunRequest("bench", {"agent": "scenarios.agents.till:TillAgent"}, {}, inputs, 60, folder)

    run_local(request(), workplace)
    started = time.perf_counter()
    run_embedded(request(), workplace)
    first = time.perf_counter() - started
    return {
        "scenario on the local tier, warm [s]": seconds(lambda: run_local(request(), workplace), 9),
        "first scenario on the embedded tier, all starts included [s]": first,
        "further scenario on the warm cluster [s]": seconds(lambda: run_embedded(request(), workplace), 9),
        "cluster after ten jobs, resident [MiB]": resident_mib(workplace),
    }


def engine_costs(workplace: Workplace, directory: Path) -> dict[str, float]:
    """The engine beside upstream's local runner, measured inside the job environment by local_engine.py."""
    written = directory / "engine.json"
    command = [str(workplace.environment.python), str(ROOT / "bench" / "local_engine.py"), str(written)]
    done = subprocess.run(
        command, env=clean_environment(PYTHONPATH=str(ROOT / "runtime")), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    figures: dict[str, float] = json.loads(written.read_text())["figures"]
    return figures


def main() -> None:
    """Measure, print, write."""
    directory = Path(tempfile.mkdtemp(prefix="flink-agents-bench-"))
    session = RunSession(
        Settings(root=ROOT, python_path=(), flink_base_image=os.environ.get("FLINK_AGENTS_TEST_FLINK_BASE_IMAGE", "")),
        directory=directory / "running",
        progress=tell,
        redactor=Redactor({}),
    )
    try:
        workplace = session.workplace(resolve_flink("2.2"))
        figures = plugin_costs(directory) | cluster_costs(workplace, directory)
        figures |= script_costs(workplace, directory, figures["embedded cluster ready, with class archives [s]"])
        figures |= container_costs(workplace, directory) | kafka_costs(directory) | scenario_costs(workplace, directory)
        tell("the engine beside upstream's local runner (about 4 min)")
        figures |= engine_costs(workplace, directory)
        tell("on Flink, beside upstream's operator (about 5 min)")
        figures |= figures_on_flink()
    finally:
        session.close()
        shutil.rmtree(directory, ignore_errors=True)
    machine = {
        "python": platform.python_version(),
        "system": platform.system(),
        "processors": os.cpu_count(),
    }
    written = {"machine": machine, "speed lines": as_json(figures), "figures": figures}
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")
    for name, value in figures.items():
        print(f"{name:<70} {value:12.3f}")
    print(f"\n{table(figures)}")


if __name__ == "__main__":
    main()
