"""A damaged function of the runtime, found by name.

A break survives any change outside of its function. Fragments are compared as syntax trees, so
that layout, comments and quotes do not matter either.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_ORIGINAL = "original"
_Named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class BreakError(Exception):
    """A break that does not fit the source; the message names the break and the reason."""


@dataclass(frozen=True, slots=True)
class Break:
    """One way to damage a function.

    ``target`` is ``package.module:Class.function`` below the runtime's package, a class, or only a
    module. Without ``old``, ``new`` is the function's new body: it gets ``*args, **kwargs`` and may
    call ``original``. With ``old``, the only occurrence of that expression or statement becomes
    ``new``.
    """

    target: str
    new: str
    old: str | None = None

    @property
    def file(self) -> str:
        """The path of the module below the runtime's package."""
        return self.target.partition(":")[0].replace(".", "/") + ".py"

    def apply(self, source: str) -> str:
        """Return the source of the module with the break in it.

        Raises BreakError if the name does not exist, or ``old`` is not there exactly once.
        """
        tree = ast.parse(source)
        holder = self._holder(tree)
        if self.old is None:
            self._wrap(holder)
        else:
            self._swap(holder, self.old)
        return ast.unparse(ast.fix_missing_locations(tree))

    def _holder(self, tree: ast.Module) -> ast.AST:
        """Return the node that the target names."""
        node: ast.AST = tree
        for name in filter(None, self.target.partition(":")[2].split(".")):
            found = [each for each in ast.iter_child_nodes(node) if isinstance(each, _Named) and each.name == name]
            if not found:
                raise BreakError(f"{self.target}: {self.file} has no {name}; name the function that took its place")
            node = found[-1]
        return node

    def _wrap(self, function: ast.AST) -> None:
        if not isinstance(function, ast.FunctionDef):
            raise BreakError(f"{self.target} is no plain function; a break of anything else needs old=")
        # Nested, so that super() and the names of the module mean the same as before.
        inner = ast.FunctionDef(_ORIGINAL, function.args, function.body, [], function.returns)
        everything = ast.parse("def _(*args, **kwargs): pass").body[0]
        assert isinstance(everything, ast.FunctionDef)
        function.args = everything.args
        function.body = [inner, *ast.parse(self.new).body]

    def _swap(self, holder: ast.AST, old: str) -> None:
        wanted, replacement = ast.parse(old).body[0], ast.parse(self.new).body
        by = replacement[0]
        if isinstance(wanted, ast.Expr) and len(replacement) == 1 and isinstance(by, ast.Expr):
            swap = _Swap(wanted.value, [by.value])
        else:
            swap = _Swap(wanted, replacement)
        swap.visit(holder)
        if swap.times != 1:
            raise BreakError(f"{self.target} has {old!r} {swap.times} times; a break needs it once")


class _Swap(ast.NodeTransformer):
    """Replaces the nodes equal to one, and counts them."""

    def __init__(self, wanted: ast.AST, replacement: list[ast.stmt] | list[ast.expr]) -> None:
        self._wanted = ast.dump(wanted)
        self._replacement = replacement
        self.times = 0

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt] | list[ast.expr]:
        """Return what takes the place of the node."""
        if ast.dump(node) != self._wanted:
            replaced: ast.AST = self.generic_visit(node)
            return replaced
        self.times += 1
        return self._replacement[0] if isinstance(node, ast.expr) else self._replacement


def wrap(target: str, body: str) -> Break:
    """Return a break that gives the function a new body."""
    return Break(target, body)


def swap(target: str, old: str, new: str) -> Break:
    """Return a break that replaces a fragment of the function."""
    return Break(target, new, old)


def flat(breaks: dict[str, Break | tuple[Break, ...]]) -> Iterator[tuple[str, Break]]:
    """Yield each proof with each of its breaks."""
    for proof, ways in breaks.items():
        for each in (ways,) if isinstance(ways, Break) else ways:
            yield proof, each
