"""The requirements that the ini file gives to every job environment."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.options.declared import REQUIREMENTS
from pytest_flink_agents.options.given import Given, ini_file, refused

_PYPROJECT = "pyproject.toml"
_LIST = re.compile(r"(?P<kind>extra|group):\s*(?P<name>\S+)")
_TABLES = {"extra": ("project", "optional-dependencies"), "group": ("dependency-groups",)}


def project_requirements(config: pytest.Config) -> tuple[str, ...]:
    """Return the requirements, each once, with the lists and files that they name read.

    They come from the project, so that every kind of requirement is allowed. Raises ``pytest.UsageError`` for a list or
    file that does not exist.
    """
    lines = config.getini(REQUIREMENTS)
    if not lines:
        return ()
    value = Given("", f"{ini_file(config)}: {REQUIREMENTS}")
    source = _Source(config.rootpath, value)
    return tuple(dict.fromkeys(found for line in lines for found in source.read(line)))


class _Source:
    """The project's ``pyproject.toml`` and requirements files."""

    def __init__(self, root: Path, value: Given) -> None:
        self.root = root
        self.value = value
        self._reading: list[object] = []
        self._document: Mapping[str, Any] | None = None

    def read(self, line: str) -> Iterator[str]:
        """Yield the requirements that one line of the ini value means."""
        named = _LIST.fullmatch(line)
        if line == "project":
            yield from self._project()
        elif named:
            yield from self._list(named["kind"], named["name"])
        else:
            yield from self._line(line, self.root)

    def _project(self) -> Iterator[str]:
        project = self._table("project")
        if "dependencies" in project.get("dynamic", ()):
            next_step = "name a requirements file: -r FILE"
            raise refused(self.value, "the project's dependencies are computed by its build", "a list", next_step)
        if "dependencies" not in project:
            raise self._missing("project", "[project] dependencies", ())
        yield from self._resolved(project["dependencies"])

    def _list(self, kind: str, name: str) -> Iterator[str]:
        """Yield the requirements of an extra or a group."""
        from packaging.utils import canonicalize_name

        table = _TABLES[kind]
        lists = {canonicalize_name(each): lines for each, lines in self._table(*table).items()}
        wanted = canonicalize_name(name)
        if wanted not in lists:
            raise self._missing(f"{kind}:{name}", f"[{'.'.join(table)}]", [f"{kind}:{each}" for each in lists])
        yield from self._once((kind, wanted), lambda: self._resolved(lists[wanted]))

    def _line(self, line: str, directory: Path) -> Iterator[str]:
        """Yield the requirements of a line; a file that it names is relative to ``directory``, as pip has it."""
        from flink_testbed.artifacts.local_requirements import requirement_option
        from pytest_flink_agents.scenario.boundary.requirement_lines import absolute_requirement

        option = requirement_option(line)
        if option and option.is_list:
            yield from self._file(directory / option.value)
        else:
            yield absolute_requirement(line, self.root)

    def _file(self, path: Path) -> Iterator[str]:
        from flink_testbed.artifacts.local_requirements import requirement_lines

        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise refused(self.value, f"{path} cannot be read: {reason}", "a requirements file") from None

        def lines() -> Iterator[str]:
            for _, line in requirement_lines(text):
                yield from self._line(line, path.parent)

        yield from self._once(path.resolve(), lines)

    def _resolved(self, entries: Any) -> Iterator[str]:
        """Yield the requirements of a list, with included groups and the project's own extras replaced by theirs."""
        from packaging.requirements import InvalidRequirement, Requirement
        from packaging.utils import canonicalize_name

        for entry in entries:
            if isinstance(entry, dict) and "include-group" in entry:
                yield from self._list("group", entry["include-group"])
                continue
            try:
                requirement = Requirement(entry)
            except (InvalidRequirement, TypeError):
                message = f"{_PYPROJECT} has an invalid requirement"
                raise refused(self.value, message, "a requirement like pandas==2.2.3", seen=repr(entry)) from None
            if canonicalize_name(requirement.name) == canonicalize_name(self._table("project").get("name", "")):
                for extra in sorted(requirement.extras):
                    yield from self._list("extra", extra)
            else:
                yield entry

    def _once(self, name: object, lines: Any) -> Iterator[str]:
        """Yield the lines, none while the same list is being read: lists may include each other."""
        if name not in self._reading:
            self._reading.append(name)
            yield from lines()
            self._reading.remove(name)

    def _table(self, *names: str) -> Mapping[str, Any]:
        if self._document is None:
            self._document = self._load()
        table: Any = self._document
        for name in names:
            table = table.get(name, {}) if isinstance(table, dict) else {}
        return table if isinstance(table, dict) else {}

    def _load(self) -> Mapping[str, Any]:
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            # pytest brings it.
            import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]
        path = self.root / _PYPROJECT
        try:
            document: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise refused(self.value, f"{path} cannot be read", "the project's TOML file", seen=str(error)) from None
        return document

    def _missing(self, word: str, table: str, known: Any) -> pytest.UsageError:
        from flink_testbed.core.problem import nearest

        near = nearest(word, known)
        next_step = f"did you mean {near}?" if near else ""
        seen = ", ".join(known) or f"no {table}"
        return refused(self.value, f"there is no {word}", f"an entry of {table} in {_PYPROJECT}", next_step, seen=seen)
