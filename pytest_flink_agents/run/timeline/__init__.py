"""The timeline of a run: steps with a trigger and an act.

Faults, upgrades, rescaling and load are acts of this one mechanism. A step records when it fired
and whether the run felt it; a step that was not felt proves nothing, so the run is then *unknown*
(``checks.timeline``).
"""

from pytest_flink_agents.run.timeline.acts import (
    Act,
    ActResult,
    InjectFault,
    MoveBeside,
    Rescale,
    StartAnew,
    StartFromSavepoint,
    SwitchVersion,
    TakeSavepoint,
)
from pytest_flink_agents.run.timeline.steps import Step, TimelineRun, begins_anew, savepoint_of, start_of
from pytest_flink_agents.run.timeline.triggers import (
    AfterCheckpoints,
    AfterEffect,
    AfterEvent,
    AfterOutputs,
    AfterSeconds,
    AtStart,
    Then,
    Trigger,
)

__all__ = [
    "Act",
    "ActResult",
    "AfterCheckpoints",
    "AfterEffect",
    "AfterEvent",
    "AfterOutputs",
    "AfterSeconds",
    "AtStart",
    "InjectFault",
    "MoveBeside",
    "Rescale",
    "StartAnew",
    "StartFromSavepoint",
    "Step",
    "SwitchVersion",
    "TakeSavepoint",
    "Then",
    "TimelineRun",
    "Trigger",
    "begins_anew",
    "savepoint_of",
    "start_of",
]
