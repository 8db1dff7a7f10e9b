"""The description of one error code.

Must never import: anything but the standard library.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Fault(str, enum.Enum):
    """The party at fault, which is the one that can repair it."""

    SCENARIO = "the scenario's author"
    JOB = "the job"
    POLICY = "the policy's author"
    ENVIRONMENT = "the environment"
    HARNESS = "pytest-flink-agents"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """The meaning of a code, its fault, and its repair.

    ``example`` shows a wrong and a right text with an arrow between them; only codes of scenarios
    and policies have one.
    """

    fault: Fault
    title: str
    explanation: str
    next_step: str
    example: str = ""
