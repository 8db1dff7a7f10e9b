"""Measure the start of a cluster by Flink's own ``bin/start-cluster.sh``.

Files, Java and machine are those of the embedded cluster.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import yaml

from flink_testbed.core import clock
from flink_testbed.core.directories import cache_root
from flink_testbed.core.ports import LOOPBACK, lease_port
from flink_testbed.flink.rest import RestClient
from flink_testbed.ownership.process import GuardedProcess, clean_environment
from pytest_flink_agents.provision.environment import TestEnvironment

_READY_S = 300.0


def started_by_scripts_s(environment: TestEnvironment, directory: Path) -> float:
    """Return the seconds from calling the script to the TaskManager's slot.

    Every process that the script started is ended.
    """
    home, java = environment.environment.flink_home, environment.java
    leases = [lease_port(cache_root() / "ports") for _ in range(2)]
    rest_port, rpc_port = (lease.port for lease in leases)
    conf = directory / "conf"
    shutil.copytree(home / "conf", conf)
    # The shipped configuration with other ports: the default ones may be in use.
    options = yaml.safe_load((conf / "config.yaml").read_text(encoding="utf-8"))
    options["rest"]["port"] = rest_port
    options["jobmanager"]["rpc"]["port"] = rpc_port
    (conf / "config.yaml").write_text(yaml.safe_dump(options), encoding="utf-8")
    rest = RestClient(f"http://{LOOPBACK}:{rest_port}")
    started = time.perf_counter()
    # The script returns and leaves daemons; a guard ends them with the shell that waits here.
    script = GuardedProcess(
        ["bash", "-c", f"bash '{home}/bin/start-cluster.sh'; exec sleep {_READY_S:.0f}"],
        name="start-cluster.sh",
        log=directory / "scripts.log",
        cwd=directory,
        env=clean_environment(
            JAVA_HOME=str(java.home),
            FLINK_CONF_DIR=str(conf),
            FLINK_LOG_DIR=str(directory),
            FLINK_PID_DIR=str(directory),
        ),
    )

    def slots() -> tuple[int | None, str]:
        try:
            total = int(rest.overview()["slots-total"])
        except Exception as error:  # Not ready yet: any error may come.
            return None, str(error)
        return (total or None), f"{total} slots"

    try:
        clock.wait_until(slots, what="the slots of the shipped scripts' cluster", timeout_s=_READY_S, interval_s=0.1)
        return time.perf_counter() - started
    finally:
        script.kill()
        for lease in leases:
            lease.release()
