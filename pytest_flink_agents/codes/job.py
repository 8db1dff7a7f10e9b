"""Codes FA22x and FA23x: faults of the job under test.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_flink_agents.codes.entry import ErrorCode, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "FA220": ErrorCode(
            Fault.JOB,
            "The agent cannot be built",
            "The module, the class, or a resource of the scenario's agent was rejected before anything ran. Imports "
            "happen inside the job environment, with the project root first on the import path.",
            "Correct the agent; the message says what was expected.",
        ),
        "FA221": ErrorCode(
            Fault.JOB,
            "The run of a Python test failed",
            "The agent or script raised. A failed run has no outputs to compare, so it fails the test at the call.",
            "Correct the agent, or pass check=False if the failure is what the test is about.",
        ),
        "FA222": ErrorCode(
            Fault.JOB,
            "The run of a Python test missed its deadline",
            "The inputs were not processed within within_s. Outputs that are missing prove nothing then.",
            "Allow more time with within_s; the text below the message says what the run was waiting for.",
        ),
        "FA223": ErrorCode(
            Fault.JOB,
            "The run of a Python test called a route that no endpoint has",
            "Each route of an endpoint is declared in effects=. The call was answered with 404, which an agent may have "
            "ignored.",
            "Declare the route, or correct the agent's address.",
        ),
        "FA224": ErrorCode(
            Fault.JOB,
            "An input of a Python test ends otherwise after a crash",
            "The inputs were run again from every point at which the agent's process could have died. One run had other "
            "outputs, memory, events or calls than the undisturbed one, or could not be judged.",
            "The message says for which input and crash point; correct the agent, or pass always_replay=False.",
        ),
        "FA225": ErrorCode(
            Fault.JOB,
            "The run of a Python test is not as expect= states",
            "expect= has the words of a scenario's expect, and the text below the message shows the words that do not "
            "hold, beside what was seen.",
            "Correct the agent, or the expectation.",
        ),
        "FA230": ErrorCode(
            Fault.JOB,
            "Every reader refuses the agent plan",
            "The JSON is not a plan, or lacks a part that upstream's AgentPlan needs in Java and in Python. The message "
            "has the JSON path.",
            "Correct the plan, or create it again with AgentPlan.",
        ),
        "FA231": ErrorCode(
            Fault.JOB,
            "A part of the agent plan is ignored or misread",
            "No reader complains, and the job does not do what the plan seems to say: an action that no event runs, a "
            "mistyped section, an event type that is listed twice.",
            "Correct the plan at the JSON path of the message.",
        ),
        "FA232": ErrorCode(
            Fault.JOB,
            "Some readers refuse the agent plan",
            "Plans have dialects: flink-agents 0.4 writes trigger_conditions, older releases listen_event_types. The "
            "bundled engine creates no resources that Java wrote into the plan, and runs no subagents.",
            "The message says which release and engine run the plan.",
        ),
        "FA233": ErrorCode(
            Fault.JOB,
            "Another language reads the agent plan otherwise than it was written",
            "Upstream's engine is Java: it reads the plan of a Python agent, and Python reads it again for its actions. "
            "A field that is lost or changed on that way is not what the agent runs with.",
            "Declare the part that the JSON path names in another way, or use a release that keeps it.",
        ),
    }
)
