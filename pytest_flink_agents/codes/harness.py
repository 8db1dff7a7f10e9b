"""Codes FA5xx: faults of pytest-flink-agents itself.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_flink_agents.codes.entry import ErrorCode, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_code = partial(ErrorCode, Fault.HARNESS)

CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "FA501": _code(
            "Internal error",
            "A bug in pytest-flink-agents. The scenario is neither passed nor failed.",
            "Report it with the text below the message.",
        ),
        "FA502": _code(
            "A check crashed",
            "A bug in pytest-flink-agents. The run counts as unknown, never as passed.",
            "Report it with the text of the finding.",
        ),
        "FA503": _code(
            "The session left something behind",
            "Each line names a process, container, topic or job that outlived the session, and its owner. Either a "
            "test started it through this package and did not stop it, or this package has a bug.",
            "Stop it in the test that started it. Processes end with pytest; `flink-agents-gate sweep` removes the "
            "rest.",
        ),
    }
)
