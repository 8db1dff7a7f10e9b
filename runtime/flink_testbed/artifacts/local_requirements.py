"""Lines of a requirements file that name a file or a directory of this machine.

The installer knows them as ``/lib``, ``/lib[extra]; marker``, ``name @ file:///lib``, ``-e /lib``, ``-r file.txt`` and
``--find-links=/wheels`` (https://pip.pypa.io/en/stable/reference/requirements-file-format/).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

_OPTION = r"(?:(?P<option>--[A-Za-z][\w-]*(?=[\s=])|-[A-Za-z])\s*=?\s*)?"
_NAME = r"(?:[\w.-]+\s*(?:\[[^\]]*\])?\s*@\s*)?"
_STARTS_WITH_OPTION = re.compile(rf"\s*{_OPTION}(?P<value>.*)")
_LINE = re.compile(
    rf"\s*(?P<before>{_OPTION}{_NAME}(?P<url>file:(?://(?:localhost(?=/))?)?)?)"
    r"(?P<path>(?![\w+.-]+:)[^\s;\[#-][^;\[#]*?)(?P<after>(?:#[^\s/;]*)?\s*(?:[;\[].*|\s#.*|\s--hash.*)?)",
    re.IGNORECASE,
)
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz")
_EDITABLE, _LISTS, _CONSTRAINTS = ("-e", "--editable"), ("-r", "--requirement"), ("-c", "--constraint")


@dataclass(frozen=True, slots=True)
class RequirementOption:
    """The option at the start of a line, such as ``-e``, and the text after it; an option may be joined with its value."""

    name: str
    value: str

    @property
    def is_editable(self) -> bool:
        """True for a project whose code stays where it is."""
        return self.name in _EDITABLE

    @property
    def is_list(self) -> bool:
        """True for a file of further requirements."""
        return self.name in _LISTS

    @property
    def is_file_of_lines(self) -> bool:
        """True for a file of requirements or of constraints."""
        return self.is_list or self.name in _CONSTRAINTS


def requirement_option(line: str) -> RequirementOption | None:
    """Return the option of a line, None for a line without one."""
    found = _STARTS_WITH_OPTION.fullmatch(line)
    return RequirementOption(found["option"], found["value"].strip()) if found and found["option"] else None


@dataclass(frozen=True, slots=True)
class LocalRequirement:
    """A line, in three parts: ``path`` and the text before and after it.

    ``option`` is that of the line, such as ``-e``. In a URL the path's text is percent-encoded.
    """

    before: str
    path: Path
    after: str
    option: RequirementOption | None = None
    is_url: bool = False

    @property
    def is_installed(self) -> bool:
        """True for a project or an archive that is copied into the environment, as it is now."""
        return self.option is None

    @property
    def is_editable(self) -> bool:
        """True for a project whose code stays where it is."""
        return self.option is not None and self.option.is_editable

    @property
    def is_file_of_lines(self) -> bool:
        """True for another requirements file."""
        return self.option is not None and self.option.is_file_of_lines

    def at(self, path: Path) -> LocalRequirement:
        """Return the line with another path."""
        return replace(self, path=path)

    def __str__(self) -> str:
        return f"{self.before}{quote(str(self.path)) if self.is_url else self.path}{self.after}"


def local_requirement(line: str) -> LocalRequirement | None:
    """Return the parts of a line that names a path, None for any other."""
    found = _LINE.fullmatch(line)
    if found is None or "://" in found["path"]:
        return None
    path, is_url = found["path"], found["url"] is not None
    if not found["option"] and not is_url and "@" not in found["before"] and not _is_path(path):
        # The name of a package, whatever lies beside the file.
        return None
    place = Path(unquote(path) if is_url else path)
    return LocalRequirement(found["before"], place, found["after"], requirement_option(line), is_url)


def _is_path(text: str) -> bool:
    return "/" in text or text.startswith((".", "~")) or text.lower().endswith(_ARCHIVES)


def requirement_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the requirements of a requirements file with their line numbers.

    Comments are removed, and continued lines are joined.
    """
    number = 1
    parts: list[str] = []
    for current, raw in enumerate(text.splitlines(), start=1):
        number = number if parts else current
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        parts.append(line.removesuffix("\\").strip())
        if line.endswith("\\"):
            continue
        if joined := " ".join(part for part in parts if part):
            yield number, joined
        parts = []
    if joined := " ".join(part for part in parts if part):
        yield number, joined


def local_requirements(lines: Iterable[str]) -> Iterator[LocalRequirement]:
    """Yield the lines that name an existing path, with those of the requirements files among them.

    Paths are absolute: those in a file are relative to it. Editable projects are left out: their code is not copied.
    """
    yield from (local for local in _found(lines, Path("/"), []) if not local.is_editable)


def editable_projects(lines: Iterable[str]) -> Iterator[Path]:
    """Yield the directories of the editable projects that the lines name, whose code is not copied."""
    yield from (local.path for local in _found(lines, Path("/"), []) if local.is_editable)


def _found(lines: Iterable[str], base: Path, reading: list[Path]) -> Iterator[LocalRequirement]:
    for line in lines:
        local = local_requirement(line)
        if local is None or not (base / local.path).exists():
            continue
        path = base / local.path
        yield local.at(path)
        if local.is_file_of_lines and path.is_file() and path not in reading:
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            yield from _found((line for _, line in requirement_lines(text)), path.parent, [*reading, path])


def built_anew(lines: Iterable[str]) -> list[str]:
    """Return the requirements of directories as arguments of uv's command line.

    For a directory in a file uv takes the wheel that it once built, unless ``pyproject.toml``, ``setup.py`` or
    ``setup.cfg`` is newer (seen with 0.9 to 0.13). One on the command line it builds.
    """
    return [str(local) for local in local_requirements(lines) if local.is_installed and local.path.is_dir()]
