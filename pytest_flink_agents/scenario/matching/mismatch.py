"""One difference between a value and its expectation, for checks and reports.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.error import DocumentPath


class _Absent:
    """The value of :data:`ABSENT`."""

    def __repr__(self) -> str:
        return "nothing there"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place at which the value seen is not the expected one.

    ``path`` is the place in the scenario document, from which its lines are printed; ``at`` the
    place inside the value seen; ``expected_text`` describes the expectation; ``seen`` is the value
    there, :data:`ABSENT` if there is none.
    """

    path: DocumentPath
    expected_text: str
    seen: Any
    at: DocumentPath = ()

    @property
    def place(self) -> str:
        """The place inside the value seen, as text."""
        return ".".join(map(str, self.at)) or "the value itself"
