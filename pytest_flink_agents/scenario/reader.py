"""One pass over the YAML events of a text.

It builds plain values and records their places. Separate from :mod:`document` because it uses the
YAML library and knows nothing about files.
Must never import: pydantic, pytest, the scenario model.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_BYTES = 256 * 1024
DEPTH = 32
NODES = 20_000
_NUMBER_CHARACTERS = 100

_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: value for value, words in ((True, "true True TRUE"), (False, "false False FALSE")) for word in words.split()
}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
# No leading zeros, unlike YAML 1.2: 0123 is more often an identifier than a number.
_REAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAY_BE_NUMBER = frozenset("-+.0123456789")


class Span(NamedTuple):
    """The place of a value and of its key, counted from 1.

    A value without a key has its own place twice. ``last_line`` and ``last_column`` are those of
    its last character.
    """

    key_line: int
    key_column: int
    line: int
    column: int
    last_line: int
    last_column: int


class YamlBroken(Exception):
    """The text is invalid YAML from a place on."""

    def __init__(self, line: int, column: int, what: str, seen: str, next_step: str) -> None:
        super().__init__(what)
        self.line, self.column, self.what, self.seen, self.next_step = line, column, what, seen, next_step


class LimitReached(Exception):
    """The text exceeds a limit at a place."""

    def __init__(self, event: Any, what: str, allowed: str, next_step: str) -> None:
        super().__init__(what)
        self.line, self.column = event.start_mark.line + 1, event.start_mark.column + 1
        self.what, self.allowed, self.next_step = what, allowed, next_step


class _Parser(Protocol):
    # Any, because each type of event has other fields.
    def get_event(self) -> Any: ...


def _parser(text: str) -> _Parser:
    # The C parser is ten times faster; PyYAML may be built without it, and its own parser gives the
    # same events.
    kind: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    parser: _Parser = kind(text)
    return parser


class Reader:
    """A reader of the documents of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._nodes = 0
        self._spans: dict[DocumentPath, Span] = {}
        self._mistakes: list[Mistake] = []

    def documents(self) -> Iterator[tuple[Any, dict[DocumentPath, Span], list[Mistake]]]:
        """Yield each document's value, the places of its paths, and its mistakes.

        Raises :class:`YamlBroken` and :class:`LimitReached`.
        """
        try:
            self._parser = _parser(self._text)
            while type(event := self._parser.get_event()) is not StreamEndEvent:
                if type(event) is DocumentStartEvent:
                    self._spans, self._mistakes = {}, []
                    self._check_directives(event)
                    value = self._node(self._parser.get_event(), (), None)
                    yield value, self._spans, self._mistakes
        except yaml.MarkedYAMLError as error:
            raise self._broken(error) from None

    def _node(self, event: Any, path: DocumentPath, key: Any) -> Any:
        """Return the value that begins with ``event``.

        ``key`` is the event of its key.
        """
        self._nodes += 1
        if self._nodes > NODES:
            raise LimitReached(event, "nodes", f"at most {NODES:,} values in a file", "split the file")
        start = event.start_mark
        line, column = start.line + 1, start.column + 1
        place = (line, column) if key is None else (key.start_mark.line + 1, key.start_mark.column + 1)
        kind = type(event)
        if kind is ScalarEvent:
            self._spans[path] = Span(*place, line, column, *_last_of(event))
            return self._scalar(event, path)
        if kind is AliasEvent:
            self._spans[path] = Span(*place, line, column, line, column)
            self._refuse(path, f"the alias *{shorten(event.anchor)} is not allowed", "write the value out")
            return None
        if len(path) >= DEPTH:
            raise LimitReached(event, "depth", f"at most {DEPTH} nested mappings and lists", "use fewer levels")
        self._check_properties(event, path)
        value: Any
        value, end = self._mapping(event, path) if kind is MappingStartEvent else self._sequence(event, path)
        self._spans[path] = Span(*place, line, column, *end)
        return value

    def _mapping(self, event: Any, path: DocumentPath) -> tuple[dict[str, Any], tuple[int, int]]:
        result: dict[str, Any] = {}
        last = _last(event.start_mark.line, event.start_mark.column + 1)
        while type(key := self._parser.get_event()) is not MappingEndEvent:
            name = self._key(key, path)
            at = (*path, name)
            known = self._spans.get(at)
            value = self._node(self._parser.get_event(), at, key)
            last = self._spans[at][4:]
            if known is None:
                result[name] = value
            else:
                next_step = f"keep one; the first is in line {known.key_line}"
                self._refuse(at, f'the key "{shorten(name)}" occurs twice', next_step, at_key=True)
        return result, _last_of(key) if event.flow_style else last

    def _sequence(self, event: Any, path: DocumentPath) -> tuple[list[Any], tuple[int, int]]:
        result: list[Any] = []
        last = _last(event.start_mark.line, event.start_mark.column + 1)
        while type(item := self._parser.get_event()) is not SequenceEndEvent:
            at = (*path, len(result))
            result.append(self._node(item, at, None))
            last = self._spans[at][4:]
        return result, _last_of(item) if event.flow_style else last

    def _key(self, event: Any, path: DocumentPath) -> str:
        if type(event) is not ScalarEvent:
            mark = event.start_mark
            raise YamlBroken(
                mark.line + 1, mark.column + 1, "a key that is not a string", "", "write the key as one quoted string"
            )
        at = (*path, event.value)
        self._check_properties(event, at, at_key=True)
        if event.implicit[0]:
            value = _plain(event.value)
            if event.value == "<<":
                self._refuse(at, "the merge key << is not allowed", "write the values out", at_key=True)
            elif not isinstance(value, str):
                self._refuse(
                    at, f"a key must be a string, not {describe(value)}", f'quote it: "{event.value}"', at_key=True
                )
        return str(event.value)

    def _scalar(self, event: Any, path: DocumentPath) -> Any:
        self._check_properties(event, path)
        if not event.implicit[0]:
            return event.value
        value = _plain(event.value)
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(
                path, f"{shorten(event.value)} is not a number that JSON can represent", "quote it if it is a string"
            )
        return value

    def _check_properties(self, event: Any, path: DocumentPath, *, at_key: bool = False) -> None:
        if event.anchor is not None:
            name = shorten(event.anchor)
            self._refuse(
                path, f"the anchor &{name} is not allowed", "write the value out where it is used", at_key=at_key
            )
        if event.tag is not None:
            next_step = "remove the tag; quote the value if it is a string"
            self._refuse(path, f"the tag {shorten(event.tag)} is not allowed", next_step, at_key=at_key)

    def _check_directives(self, event: Any) -> None:
        if event.tags or event.version not in (None, (1, 2)):
            mark = event.start_mark
            raise YamlBroken(mark.line + 1, mark.column + 1, "a directive (%)", "", "remove the line with %")

    def _refuse(self, path: DocumentPath, message: str, next_step: str, *, at_key: bool = False) -> None:
        self._mistakes.append(Mistake("FA201", path, message, next_step=next_step, at_key=at_key))

    def _broken(self, error: yaml.MarkedYAMLError) -> YamlBroken:
        mark = error.problem_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        what = error.problem or "broken"
        seen = ""
        if error.context and error.context_mark:
            seen = f"{error.context} from line {error.context_mark.line + 1}, column {error.context_mark.column + 1}"
        lines = self._text.split("\n")
        next_step = _next_step(f"{what} {seen}", lines[line][column : column + 1] if line < len(lines) else "")
        return YamlBroken(line + 1, column + 1, what, seen, next_step)


def _plain(text: str) -> Any:
    """Return the value of a scalar without quotes.

    A number that JSON cannot represent is infinite or NaN.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAY_BE_NUMBER:
        return text
    if _WHOLE.fullmatch(text) or _BASED.fullmatch(text):
        return int(text, 0) if len(text) <= _NUMBER_CHARACTERS else math.inf
    if _REAL.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else text


def _last_of(event: Any) -> tuple[int, int]:
    return _last(event.end_mark.line, event.end_mark.column)


def _last(line: int, column: int) -> tuple[int, int]:
    """Return the last character before an end mark.

    A block string ends at column 0 of the next line.
    """
    return (line + 1, column) if column or not line else (line, 0)


# Words of the two parsers' messages for common mistakes, with the next step.
_ADVICE = {
    "mapping values": "check the indentation, and quote a string with a colon and a space in it",
    "expected ':'": "write a colon and a space after the key",
    "flow": "close every bracket and brace, with commas between the items",
    "quoted": "close the quotes",
    "expected key": "indent this line like the keys beside it",
    "<block end>": "indent this line like the keys beside it",
}


def _next_step(seen: str, character: str) -> str:
    if character == "\t":
        return "indent with spaces instead of tabs"
    if character in ("@", "`", "%"):
        return f"quote a string that begins with {character}"
    advice = next((advice for words, advice in _ADVICE.items() if words in seen), None)
    return advice or "check the indentation, the brackets and the quotes of this line and the one before"
