"""Where a value differs from what was expected: what a comparison yields, for checks and reports.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.error import DocumentPath


class _Absent:
    """What was seen where nothing was."""

    def __repr__(self) -> str:
        return "nothing there"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place where the value seen is not what was expected.

    ``path`` is the place in the scenario document, from which its lines are printed; ``at`` the place inside the value
    seen; ``expected_text`` words for people; ``seen`` the value there, :data:`ABSENT` where there is none.
    """

    path: DocumentPath
    expected_text: str
    seen: Any
    at: DocumentPath = ()
