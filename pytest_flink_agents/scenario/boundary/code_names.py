"""Modules, functions and classes that a scenario names.

They are found by path before anything is imported. A scenario file is data. Importing a module runs
it, and calling any function of the machine's Python would let a data file run code, so a name is
used only if its module is a file of the project, part of flink_agents, or part of a package that
the ini file allows.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import ast
import sys
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.boundary.places import open_regular
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, shorten

ALWAYS_ALLOWED = "flink_agents"
_MODULE_BYTES = 4 * 1024 * 1024
_IMPORT_STEPS = 8
_EXPECTED = "a module of the project, of flink_agents, or of a package in flink_allowed_packages"
_NEXT_STEP = "add its directory to pytest's pythonpath, or its package to flink_allowed_packages in the ini file"


class _Import(NamedTuple):
    """The origin of a name that a module imports.

    ``name`` is empty if the name is the module itself.
    """

    module: str
    name: str


def code_mistake(reference: str, path: DocumentPath, project: Project) -> Mistake | None:
    """Return the mistake in ``module:name``, ``module:Class.method`` or ``module.Class``, or None.

    ``path`` is the reference's place in the document.
    """
    module, colon, name = reference.partition(":")
    if not colon:
        module, _, name = reference.rpartition(".")
    return _module_mistake(module, path, project) or _origin_mistake(module, name, path, project, _IMPORT_STEPS)


def module_mistake(module: str, path: DocumentPath, project: Project) -> Mistake | None:
    """Return the mistake in the name of a module, or None."""
    return _module_mistake(module, path, project)


def _module_mistake(module: str, path: DocumentPath, project: Project) -> Mistake | None:
    if _is_allowed(module, project):
        return None
    seen = f"the module {shorten(module)}"
    # The interpreter has imported most of these already, so a file of this name in the project
    # would not be used.
    if module.partition(".")[0] in sys.stdlib_module_names:
        return Mistake("FA214", path, f"{shorten(module)} is part of Python", _EXPECTED, seen)
    if module_file(module, project) is not None:
        return None
    near = _near_module(module, project)
    next_step = f"did you mean {near}?" if near else _NEXT_STEP
    return Mistake("FA214", path, f"the project has no module {shorten(module)}", _EXPECTED, seen, next_step)


def _is_allowed(module: str, project: Project) -> bool:
    return any(
        module == package or module.startswith(f"{package}.") for package in (ALWAYS_ALLOWED, *project.allowed_packages)
    )


def module_file(module: str, project: Project) -> Path | None:
    """Return the file of a module of the project, all links resolved.

    None if the project has none.
    """
    try:
        return _found_module(module, project.code_roots)
    except LookupError:
        return None


@lru_cache(maxsize=1024)
def _found_module(module: str, roots: tuple[Path, ...]) -> Path:
    """Return the file of a module below the roots.

    Raises ``LookupError``, so that only what exists is cached.
    """
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        raise LookupError(module)
    for root in roots:
        base = root.joinpath(*parts)
        for candidate in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            try:
                file = candidate.resolve()
                is_file = file.is_file()
            except (OSError, RuntimeError):
                continue
            if is_file and any(file.is_relative_to(fence) for fence in roots):
                return file
    raise LookupError(module)


def _near_module(module: str, project: Project) -> str | None:
    """Return the module beside the named one with the most similar name."""
    package, _, name = module.rpartition(".")
    for root in project.code_roots:
        folder = root.joinpath(*package.split(".")) if package else root
        try:
            entries = sorted(folder.iterdir())[:1000]
        except OSError:
            continue
        names = [entry.stem for entry in entries if entry.suffix == ".py" or (entry / "__init__.py").is_file()]
        if near := nearest(name, names):
            return f"{package}.{near}" if package else near
    return None


def _origin_mistake(module: str, name: str, path: DocumentPath, project: Project, steps: int) -> Mistake | None:
    """Follow a name through the imports of the project's own modules.

    ``shop.tools:os.system`` names Python's function, although its module is the project's. A name
    that no statement of the module binds is left to the job environment, which reports it with the
    nearest one.
    """
    if _is_allowed(module, project):
        first, dot, _ = name.partition(".")
        if not dot or first[:1].isupper():
            return None
        message = f"{shorten(module)}:{shorten(name)} leads through a module that {ALWAYS_ALLOWED} imports"
        return Mistake("FA214", path, message, "a function, a class or Class.method", shorten(name))
    file = module_file(module, project)
    origin = _imports(str(file), module, file.name == "__init__.py").get(name.partition(".")[0]) if file else None
    if origin is None:
        return None
    if steps and origin.name and _module_mistake(origin.module, path, project) is None:
        rest = name.partition(".")[2]
        return _origin_mistake(
            origin.module, f"{origin.name}.{rest}" if rest else origin.name, path, project, steps - 1
        )
    message = f"{shorten(module)} imports {shorten(name)} from outside the project"
    seen = f"{origin.module}:{origin.name}" if origin.name else f"the module {origin.module}"
    next_step = "name a function or class that the project defines, or allow the package in flink_allowed_packages"
    return Mistake("FA214", path, message, _EXPECTED, shorten(seen), next_step)


@lru_cache(maxsize=256)
def _imports(file: str, module: str, is_package: bool) -> dict[str, _Import]:
    """Return the names that a module binds by import statements only."""
    try:
        with open_regular(Path(file)) as stream:
            tree = ast.parse(stream.read(_MODULE_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        # The job environment reports a module that cannot be read, with its line.
        return {}
    found: dict[str, _Import] = {}
    defined: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0]: _Import(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, module, is_package)
            found |= {alias.asname or alias.name: _Import(origin, alias.name) for alias in node.names}
        else:
            pending.extend(ast.iter_child_nodes(node))
    return {name: origin for name, origin in found.items() if name not in defined}


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Return the absolute name of the module that a statement imports from."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if is_package else module.split(".")[:-1]
    parent = package[: len(package) - node.level + 1]
    return ".".join([*parent, *([node.module] if node.module else [])])
