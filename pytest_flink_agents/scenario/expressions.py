"""JMESPath expressions of a scenario, with limits on their size and result.

An expression of a few characters can nest so deep that the parser fails, or double its result with
each step. Both are decided from the parsed expression, before any data is read, and so are unknown functions.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from flink_testbed.core.problem import nearest

EXPRESSION_CHARACTERS = 500
DEPTH = 32
# [@, @] doubles its input; more than five of them in a row serve no purpose in a path to a key.
GROWTH = 32
_PRODUCTS = frozenset(
    {"subexpression", "pipe", "index_expression", "projection", "filter_projection", "value_projection", "flatten"}
)


class Expression(Protocol):
    """A compiled expression."""

    def search(self, value: Any) -> Any:
        """Return the result for a value.

        None if there is nothing at this path.
        """


@lru_cache(maxsize=256)
def compile_expression(text: str) -> Expression:
    """Compile an expression.

    Raises ``ValueError`` with the reason if it is invalid or exceeds a limit.
    """
    if len(text) > EXPRESSION_CHARACTERS:
        raise ValueError(f"it has {len(text)} characters, at most {EXPRESSION_CHARACTERS} are allowed")
    try:
        compiled = jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"it does not parse: {str(error).splitlines()[0].rstrip(':')}") from None
    except RecursionError:
        raise ValueError(f"it nests deeper than {DEPTH} levels") from None
    if _depth(compiled.parsed) > DEPTH:
        raise ValueError(f"it nests deeper than {DEPTH} levels")
    for name in _functions(compiled.parsed):
        if name not in Functions.FUNCTION_TABLE:
            near = nearest(name, Functions.FUNCTION_TABLE)
            raise ValueError(f"JMESPath has no function {name}{f', did you mean {near}?' if near else ''}")
    if _growth(compiled.parsed) > GROWTH:
        raise ValueError(f"its result can be more than {GROWTH} times as large as the record")
    expression: Expression = compiled
    return expression


def _children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [child for child in node.get("children", ()) if isinstance(child, Mapping)]


def _depth(root: Mapping[str, Any]) -> int:
    """Return the number of levels.

    Without recursion, because the depth is not known to be safe yet.
    """
    deepest = 0
    pending = [(root, 1)]
    while pending:
        node, level = pending.pop()
        deepest = max(deepest, level)
        pending.extend((child, level + 1) for child in _children(node))
    return deepest


def _functions(node: Mapping[str, Any]) -> Iterator[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in _children(node):
        yield from _functions(child)


def _growth(node: Mapping[str, Any]) -> int:
    """Return the factor by which a result can be larger than its input."""
    parts = [_growth(child) for child in _children(node)]
    if node["type"] in _PRODUCTS:
        return _product(parts)
    if node["type"] == "function_expression":
        # Functions such as join and to_string copy and escape their arguments.
        return (1 + len(parts)) * _product(parts)
    return max(1, sum(parts))


def _product(parts: list[int]) -> int:
    result = 1
    for part in parts:
        result *= part
    return result
