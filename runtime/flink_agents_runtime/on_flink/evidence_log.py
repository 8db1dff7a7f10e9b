"""The event log of the agents in a user's own job, where the harness reads it."""

from __future__ import annotations

import os

from flink_agents_runtime.config.configuration import Configuration
from flink_agents_runtime.observe.json_log import DIRECTORY_VARIABLE
from flink_agents_runtime.plan.named_plan import NamedPlan


def logged(plan: NamedPlan) -> NamedPlan:
    """Return the plan with its events in the directory that the harness names, unchanged without one.

    As for an agent of a scenario, the directory replaces the program's own one, and logs are not truncated by default.
    """
    directory = os.environ.get(DIRECTORY_VARIABLE)
    if not directory:
        return plan
    options = {"event-log.level": "VERBOSE"} | dict(plan.config.conf_data) | {"baseLogDir": directory}
    copy: NamedPlan = plan.model_copy(update={"config": Configuration(options, source="the harness")})
    return copy
