"""Mistakes in the resources of a scenario or of its agent file.

An agent ignores an argument that its resource class does not have, and then calls the address of
production; and a tool or a class is code. So names are checked before anything is imported.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.boundary.code_names import code_mistake, module_mistake
from pytest_flink_agents.scenario.boundary.places import PlaceError, resolved_inside
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.boundary.resource_classes import (
    JAVA_ALIASES,
    PLAIN_KEYS,
    PYTHON_CLASSES,
    ResourceClass,
    classes_by_path,
)
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, path_text, shorten

_OF_ALL_CLASSES = ("name", "clazz", "type")
_JAVA = "java"


def resource_mistakes(sections: Any, project: Project) -> Iterator[Mistake]:
    """Yield the mistakes of ``resources`` of a scenario.

    Types of values are checked by the model.
    """
    for section, path, resource in _resources(sections, ("resources",)):
        if section in PLAIN_KEYS:
            yield from _unknown_keys(resource, PLAIN_KEYS[section], path, "FA202")
        else:
            yield from _class_mistakes(section, resource, path)
        yield from code_mistakes(section, resource, path, project)
        if "allowed_commands" in resource:
            next_step = "set it in the agent: the commands that an agent may run are part of its code"
            at = (*path, "allowed_commands")
            yield Mistake("FA214", at, "a scenario allows no commands", "no allowed_commands", "", next_step)


def code_mistakes(section: str, resource: Mapping[str, Any], path: DocumentPath, project: Project) -> Iterator[Mistake]:
    """Yield the code of a resource that the project does not contain."""
    if resource.get("type") != _JAVA:
        for word in ("function", "clazz"):
            reference = resource.get(word)
            is_alias = word == "clazz" and isinstance(reference, str) and "." not in reference
            if isinstance(reference, str) and not is_alias:
                yield from _present(code_mistake(reference, (*path, word), project))
    if section == "skills":
        yield from _skill_mistakes(resource, path, project)
    for index, folder in _texts(resource.get("allowed_script_dirs")):
        yield from _outside(folder, (*path, "allowed_script_dirs", index), project)


def _class_mistakes(section: str, resource: Mapping[str, Any], path: DocumentPath) -> Iterator[Mistake]:
    clazz = resource.get("clazz")
    at = (*path, "clazz")
    if not isinstance(clazz, str):
        seen = describe(clazz) if "clazz" in resource else "nothing"
        code = "FA203" if "clazz" in resource else "FA204"
        place = at if "clazz" in resource else path
        yield Mistake(code, place, f"{path_text(path)} names no class", "clazz: an alias or module.Class", seen)
        return
    if resource.get("type") == _JAVA:
        if "." not in clazz and clazz not in JAVA_ALIASES[section]:
            yield _unknown_class(clazz, JAVA_ALIASES[section], at, "Java ")
        return
    aliases = {alias: known for alias, known in PYTHON_CLASSES[section].items() if alias}
    known: ResourceClass | None = aliases.get(clazz) or classes_by_path(section).get(clazz)
    if known is not None:
        yield from _unknown_keys(resource, (*_OF_ALL_CLASSES, *known.arguments), path, "FA216")
    elif "." not in clazz:
        yield _unknown_class(clazz, tuple(aliases), at)


def _unknown_class(clazz: str, aliases: tuple[str, ...], path: DocumentPath, language: str = "") -> Mistake:
    near = nearest(clazz, aliases)
    next_step = f'did you mean "{near}"?' if near else "write an alias, or the class as module.Class"
    expected = f"one of {', '.join(aliases)}, or module.Class" if aliases else "module.Class"
    message = f'unknown {language}resource class "{shorten(clazz)}" in {path_text(path)}'
    return Mistake("FA216", path, message, expected, f'"{shorten(clazz)}"', next_step)


def _unknown_keys(
    resource: Mapping[str, Any], known: tuple[str, ...], path: DocumentPath, code: str
) -> Iterator[Mistake]:
    allowed = [word for word in known if word != "allowed_commands"]
    for word in resource:
        if word in known:
            continue
        near = nearest(word, allowed)
        next_step = f'did you mean "{near}"?' if near else "remove it: flink-agents would ignore it"
        kind = "key" if code == "FA202" else "argument"
        message = f'unknown {kind} "{shorten(word)}" in {path_text(path)}'
        expected = f"one of {', '.join(allowed)}"
        yield Mistake(code, (*path, word), message, expected, f'"{shorten(word)}"', next_step, at_key=True)


def _skill_mistakes(resource: Mapping[str, Any], path: DocumentPath, project: Project) -> Iterator[Mistake]:
    for index, folder in _texts(resource.get("paths")):
        yield from _outside(folder, (*path, "paths", index), project)
    for index, url in _texts(resource.get("urls")):
        next_step = "download it into the project, and name it under paths"
        yield Mistake(
            "FA214", (*path, "urls", index), "a skill from a URL", "paths or package", shorten(url), next_step
        )
    packages = resource.get("package")
    for index, entry in enumerate(packages if isinstance(packages, list) else ()):
        if isinstance(entry, Mapping) and isinstance(entry.get("package"), str):
            yield from _present(module_mistake(entry["package"], (*path, "package", index, "package"), project))


def _outside(folder: str, path: DocumentPath, project: Project) -> Iterator[Mistake]:
    """Yield the mistake of a directory outside the project.

    The job's working directory is the project root.
    """
    try:
        resolved_inside(project.root, folder, project.root)
    except PlaceError as error:
        yield Mistake("FA206", path, error.message, error.expected, error.seen, error.next_step)


def _resources(sections: Any, path: DocumentPath) -> Iterator[tuple[str, DocumentPath, Mapping[str, Any]]]:
    """Yield section, place and mapping of each resource."""
    for section in (*PYTHON_CLASSES, *PLAIN_KEYS):
        listed = sections.get(section) if isinstance(sections, Mapping) else None
        for index, resource in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(resource, Mapping):
                yield section, (*path, section, index), resource


def _texts(value: Any) -> Iterator[tuple[int, str]]:
    for index, text in enumerate(value if isinstance(value, list) else ()):
        if isinstance(text, str):
            yield index, text


def _present(mistake: Mistake | None) -> Iterator[Mistake]:
    if mistake is not None:
        yield mistake
