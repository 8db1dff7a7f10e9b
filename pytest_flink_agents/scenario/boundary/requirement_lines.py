"""Requirements of a scenario, and the kinds that the ini must allow.

A URL, an index option or a path outside the project lets a scenario file choose the code that is
installed.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement

from flink_testbed.artifacts.local_requirements import local_requirement, requirement_lines, requirement_option
from pytest_flink_agents.scenario.boundary.places import PlaceError, open_regular, resolved_inside
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, shorten
from pytest_flink_agents.vocabulary import RequirementKind

FILE_BYTES = 256 * 1024
_NAMED = re.compile(r"\s*[\w.-]+\s*(\[[^\]]*\])?\s*@\s*(?P<target>.*)")
_VCS = re.compile(r"(git|hg|svn|bzr)\+", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
# A home directory and a variable: the installer makes a path of them.
_EXPANDED = ("~", "${")


def requirement_mistakes(
    wanted: Any, file: Path, project: Project, place: DocumentPath = ("requirements",)
) -> Iterator[Mistake]:
    """Yield the mistakes of the requirements at a place.

    It is a list of lines, or the name of a file of them beside ``file``.
    """
    if isinstance(wanted, list):
        for index, line in enumerate(wanted):
            if isinstance(line, str) and line:
                yield from _line_mistakes(line, (*place, index), project)
    elif isinstance(wanted, str) and wanted:
        yield from _file_mistakes(file.parent / wanted, project, place)


def _file_mistakes(file: Path, project: Project, path: DocumentPath) -> Iterator[Mistake]:
    """Yield the mistakes of a file's lines.

    That it exists inside the project is checked with all other paths.
    """
    try:
        with open_regular(file) as stream:
            data = stream.read(FILE_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError:
        return
    except UnicodeDecodeError:
        yield Mistake("FA203", path, f"{shorten(file.name)} is not UTF-8 text", "a requirements file", "binary data")
        return
    if len(data) > FILE_BYTES:
        limit = f"at most {FILE_BYTES // 1024} KiB"
        yield Mistake("FA211", path, f"{shorten(file.name)} is too large for a requirements file", limit, "more")
        return
    for number, line in requirement_lines(text):
        for mistake in _line_mistakes(line, path, project):
            yield replace(mistake, message=f"{shorten(file.name)}:{number}: {mistake.message}")


def absolute_requirement(line: str, root: Path) -> str:
    """Return the requirement with the path that it names made absolute, relative to ``root``.

    The installer runs in another directory than the project's.
    """
    line = line.strip()
    local = local_requirement(line)
    if local is None or not (local.is_installed or local.is_editable or local.is_file_of_lines):
        return line
    path = root / local.path
    if local.option and local.is_file_of_lines:
        return f"{local.option.name} {path}{local.after}"
    is_elsewhere = local.path.is_absolute() or str(local.path).startswith(_EXPANDED)
    if is_elsewhere or (local.is_url and "${" in line):
        return line
    return f"{local.option.name} {path}{local.after}" if local.option else str(local.at(path))


def _line_mistakes(line: str, path: DocumentPath, project: Project) -> Iterator[Mistake]:
    if len(line.splitlines()) != 1 or line.endswith("\\"):
        # They are written to a file of the installer, one on a line.
        yield Mistake("FA203", path, "a requirement of several lines", "one requirement on one line", shorten(line))
        return
    kind = requirement_kind(line, project)
    if kind is not None:
        if kind not in project.requirement_kinds:
            message = f"a requirement of kind {kind} is not allowed"
            next_step = f"write NAME==VERSION, or add {kind} to flink_requirement_kinds in the ini file"
            yield Mistake("FA215", path, message, "a plain requirement like pandas==2.2.3", shorten(line), next_step)
        return
    if local_requirement(line) is not None:
        return
    try:
        Requirement(re.sub(r"\s--hash=\S+", "", line))
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        expected = "a requirement like pandas==2.2.3"
        yield Mistake("FA203", path, "not a requirement", expected, shorten(line), f"correct it: {shorten(reason)}")


def requirement_kind(line: str, project: Project) -> RequirementKind | None:
    """Return the kind of a requirement that the ini file must allow.

    None for a plain one. A path inside the project needs no permission.
    """
    line = line.strip()
    if line.startswith("-"):
        option = requirement_option(line)
        if option and option.is_editable:
            return RequirementKind.EDITABLE
        return RequirementKind.FILE if option and option.is_file_of_lines else RequirementKind.INDEX
    if re.search(r"\s--(?!hash=)[\w-]+", line):
        return RequirementKind.INDEX
    named = _NAMED.fullmatch(line)
    target = named["target"] if named else line
    if _VCS.match(target):
        return RequirementKind.VCS
    # uv replaces ${NAME} in a requirements file by an environment variable, which may be a URL.
    if "${" in target or (_SCHEME.match(target) and not target.lower().startswith("file:")):
        return RequirementKind.URL
    return _kind_of_path(line, target, project)


def _kind_of_path(line: str, target: str, project: Project) -> RequirementKind | None:
    """Return ``PATH`` for a requirement that names a path outside the project, None for any other.

    Installers do not agree on where a path ends and extras or a condition begin, so the whole text must lie inside, too.
    """
    local = local_requirement(line)
    if local is None:
        # Nothing that the reader of paths knows, and still no name of a package.
        return RequirementKind.PATH if target not in ("", line) or "/" in target.partition(";")[0] else None
    whole = re.sub(r"^file:(//(localhost)?)?", "", target.partition(" ;")[0].strip(), flags=re.IGNORECASE)
    texts = (str(local.path), unquote(whole) if local.is_url else whole)
    return None if all(_is_inside(text, project) for text in texts) else RequirementKind.PATH


def _is_inside(target: str, project: Project) -> bool:
    root = project.real_root
    try:
        if target.startswith("/"):
            return Path(target).resolve().is_relative_to(root)
        resolved_inside(root, target, root)
    except (PlaceError, OSError, RuntimeError):
        return False
    return not target.startswith("~")
