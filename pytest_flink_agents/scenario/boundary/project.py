"""The boundaries of the files and names of a scenario.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_flink_agents.scenario.matching.custom import CustomMatchers

if TYPE_CHECKING:
    from flink_testbed.models.added_wire import ModelFormats
    from pytest_flink_agents.settings import Settings
    from pytest_flink_agents.vocabulary import ModelMode, RequirementKind


@dataclass(frozen=True, slots=True)
class Project:
    """The project of scenarios, and what its ini file allows them.

    ``root`` contains every file that a scenario names; ``import_roots`` are pytest's
    ``pythonpath``. ``allowed_env`` are the names that ``${env.NAME}`` may use, ``allowed_packages``
    the packages outside the project whose agents, functions and classes a scenario may name.
    ``configuration`` is the Flink configuration of scenarios that name none, ``llm_mode`` the mode of models that are not
    scripted, ``cassette_dir`` the directory of cassettes; None for what each scenario says. ``matchers`` and
    ``model_formats`` are what plugins add, by name; ``model_formats`` is None if no plugin was asked.
    """

    root: Path
    import_roots: tuple[Path, ...] = ()
    allowed_env: tuple[str, ...] = ()
    allowed_packages: tuple[str, ...] = ()
    requirement_kinds: tuple[RequirementKind, ...] = ()
    configuration: Path | None = None
    llm_mode: ModelMode | None = None
    cassette_dir: Path | None = None
    matchers: CustomMatchers = field(default_factory=dict, hash=False)
    model_formats: ModelFormats | None = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, settings: Settings) -> Project:
        """Return the project of a pytest session."""
        return cls(
            settings.root,
            settings.python_path,
            settings.allowed_env,
            settings.allowed_packages,
            settings.requirement_kinds,
            settings.configuration,
            settings.llm_mode,
            settings.cassette_dir,
        )

    @property
    def real_root(self) -> Path:
        """The root, all links resolved."""
        return _resolved((self.root,))[0]

    @property
    def code_roots(self) -> tuple[Path, ...]:
        """The directories of the project's own modules, all links resolved."""
        return _resolved((self.root, *self.import_roots))


@lru_cache(maxsize=64)
def _resolved(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(path.resolve() for path in paths))
