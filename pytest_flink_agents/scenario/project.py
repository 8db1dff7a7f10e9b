"""The boundaries that the files and names of a scenario must stay inside.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_flink_agents.settings import Settings


@dataclass(frozen=True, slots=True)
class Project:
    """The project that scenarios belong to, and what its ini file allows them.

    ``root`` contains every file that a scenario names. ``allowed_env`` are the names that ``${env.NAME}`` may use.
    """

    root: Path
    allowed_env: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Project:
        """Return the project of a pytest session."""
        return cls(settings.root, allowed_env=settings.allowed_env)
