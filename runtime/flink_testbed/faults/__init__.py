"""Faults: break something on purpose, see whether the job felt it, and heal.

A fault that no job felt proves nothing, so each one reports what it saw.
"""

from flink_testbed.faults.brokers import KillBroker
from flink_testbed.faults.checkpoints import FailCheckpoints
from flink_testbed.faults.disks import FillDisk
from flink_testbed.faults.fault import Fault, FaultReport, FaultTarget
from flink_testbed.faults.network import DisturbNetwork
from flink_testbed.faults.processes import KillJobManager, KillPythonWorkers, KillTaskManager, PauseProcess

__all__ = [
    "DisturbNetwork",
    "FailCheckpoints",
    "Fault",
    "FaultReport",
    "FaultTarget",
    "FillDisk",
    "KillBroker",
    "KillJobManager",
    "KillPythonWorkers",
    "KillTaskManager",
    "PauseProcess",
]
