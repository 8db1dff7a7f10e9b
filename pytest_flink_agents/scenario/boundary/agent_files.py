"""The code that an agent file names.

The file is upstream's YAML, or a compiled plan as JSON. Only names of code are checked here. All
else in these files belongs to flink-agents, which reads them in the job environment and reports
what is wrong with it.
Must never import: pydantic, pytest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pytest_flink_agents.scenario.boundary.code_names import code_mistake, module_mistake
from pytest_flink_agents.scenario.boundary.places import open_regular
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.boundary.resources import code_mistakes
from pytest_flink_agents.scenario.error import DocumentPath, Mistake

YAML_BYTES = 1024 * 1024
PLAN_BYTES = 16 * 1024 * 1024
# Flink-agents uses PyYAML's safe loader, too; the C variant builds the same values faster.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def agent_file_mistakes(file: Path, path: DocumentPath, project: Project) -> Iterator[Mistake]:
    """Yield the code of an agent file that the project does not contain.

    ``path`` is the place of the file's name in the scenario. A file that cannot be read is left to
    the job environment.
    """
    is_plan = path[-1] == "plan"
    limit = PLAN_BYTES if is_plan else YAML_BYTES
    try:
        with open_regular(file) as stream:
            data = stream.read(limit + 1)
    except OSError:
        return
    if len(data) > limit:
        yield Mistake("FA211", path, f"{file.name} is too large", f"at most {limit // 1024 // 1024} MiB", "more")
        return
    try:
        value = json.loads(data) if is_plan else yaml.load(data, Loader=_LOADER)  # noqa: S506 - a safe loader
        found = list(_in_plan(value, path, project) if is_plan else _in_yaml(value, path, project))
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    for mistake in found:
        yield replace(mistake, path=path, message=f"{file.name}: {mistake.message}", at_key=False)


def _in_yaml(document: Any, path: DocumentPath, project: Project) -> Iterator[Mistake]:
    """Yield the mistakes of the file's own sections and of its agents."""
    agents = document.get("agents") if isinstance(document, Mapping) else None
    # YAML aliases repeat a value without copying it: looking at each object once keeps this linear.
    looked_at: set[int] = set()
    for holder in (document, *(agents if isinstance(agents, list) else ())):
        for section, listed in holder.items() if isinstance(holder, Mapping) else ():
            if not isinstance(listed, list) or section == "agents" or id(listed) in looked_at:
                continue
            looked_at.add(id(listed))
            for resource in listed:
                if isinstance(resource, Mapping) and id(resource) not in looked_at:
                    looked_at.add(id(resource))
                    yield from code_mistakes(str(section), resource, path, project)


def _in_plan(value: Any, path: DocumentPath, project: Project) -> Iterator[Mistake]:
    """Yield the mistakes of all mappings of a plan that name a module."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending.extend(one)
        if not isinstance(one, Mapping):
            continue
        pending.extend(one.values())
        module = one.get("module", one.get("target_module"))
        name = one.get("qualname") or one.get("clazz") or one.get("target_clazz")
        if not isinstance(module, str) or one.get("func_type") == "JavaFunction":
            continue
        mistake = (
            code_mistake(f"{module}:{name}", path, project)
            if isinstance(name, str)
            else module_mistake(module, path, project)
        )
        if mistake is not None:
            yield mistake
