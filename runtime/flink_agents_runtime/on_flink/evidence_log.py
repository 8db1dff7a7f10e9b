"""The event log of the agents in a user's own job, in the directory of the run's evidence."""

from __future__ import annotations

import os

from flink_agents_runtime.config.configuration import BY_HAND, Configuration
from flink_agents_runtime.observe.json_log import DIRECTORY_VARIABLE
from flink_agents_runtime.plan.named_plan import NamedPlan

_HARNESS = "the harness"


def logged(plan: NamedPlan) -> NamedPlan:
    """Return the plan with its events in the directory that the harness names, unchanged without one.

    As for an agent of a scenario, the directory replaces the program's own one, and logs are not truncated by default.
    """
    directory = os.environ.get(DIRECTORY_VARIABLE)
    if not directory:
        return plan
    config = Configuration({"event-log.level": "VERBOSE"}, source=_HARNESS)
    config.add(plan.config.conf_data, BY_HAND)
    config.add({"baseLogDir": directory}, _HARNESS)
    copy: NamedPlan = plan.model_copy(update={"config": config})
    return copy
