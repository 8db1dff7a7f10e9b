"""YAML documents as plain values, with the place of every value.

The YAML is a small, safe subset of YAML 1.2: mappings with string keys, lists, and the scalars of
the core schema. Anchors, aliases, tags, merge keys and duplicate keys are problems. Size, depth and
number of nodes are checked while the events are read, so no text can make this slow or deep.
Must never import: pydantic, pytest, the scenario model.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.reader import FILE_BYTES, LimitReached, Reader, Span, YamlBroken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_flink_agents.scenario.error import DocumentPath, Mistake

_LINE_BREAK = re.compile("\r\n|[\r\n]")
# Also the separators of lines that YAML 1.1 folds and YAML 1.2 keeps: nobody sees which of them a text means.
_NOT_IN_YAML = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Mark(NamedTuple):
    """A line and column of a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document with the place of every value in it.

    ``file`` is the name for messages, ``index`` counts the documents of the file from 0, ``source``
    contains the lines of the whole file, ``spans`` the place of every path. ``parts`` has the
    documents of other files by the paths of the values that come from them.
    """

    file: str
    index: int
    value: Any
    source: Sequence[str]
    spans: Mapping[DocumentPath, Span]
    parts: Mapping[DocumentPath, Document] = field(default_factory=dict)

    def origin(self, path: DocumentPath) -> str:
        """Return the name of the file that the value at ``path`` stands in."""
        return self._home(path)[0].file

    def place(self, path: DocumentPath) -> str:
        """Return ``file:line`` of the key at ``path``."""
        return f"{self.origin(path)}:{self.mark(path, key=True).line}"

    def mark(self, path: DocumentPath = (), *, key: bool = False) -> Mark:
        """Return the start of the value at ``path``, or of its key.

        A path that does not exist (a missing key) has the place of its nearest parent.
        """
        _, span = self._home(path)
        return Mark(span.key_line, span.key_column) if key else Mark(span.line, span.column)

    def lines(self, path: DocumentPath = ()) -> list[tuple[int, str]]:
        """Return the lines of the key and value at ``path``.

        Each is ``(line number, text)``.
        """
        home, span = self._home(path)
        found = [(number, home.source[number - 1]) for number in range(span.key_line, span.last_line + 1)]
        while len(found) > 1 and not found[-1][1].strip():
            found.pop()
        return found

    def raw(self, path: DocumentPath) -> str:
        """Return the text of a value as written.

        Empty if it has more than one line.
        """
        home, span = self._home(path)
        if span.line != span.last_line:
            return ""
        return home.source[span.line - 1][span.column - 1 : span.last_column]

    def problem(self, mistake: Mistake) -> Problem:
        """Return a mistake as a problem with file, line and column."""
        line, column = self.mark(mistake.path, key=mistake.at_key)
        return Problem(
            mistake.code,
            mistake.message,
            where=f"{self.origin(mistake.path)}:{line}:{column}",
            expected=mistake.expected,
            seen=mistake.seen,
            next_step=mistake.next_step,
        )

    def _home(self, path: DocumentPath) -> tuple[Document, Span]:
        """Return the document that a value comes from, and its place there."""
        while path not in self.spans:
            path = path[:-1]
        return self.parts.get(path, self), self.spans[path]


# One of these two is what runs, so that naming it replaces both.
_SUBJECT = ("agent", "job")


def merged(upper: Document, lower: Document) -> Document:
    """Return a document with the words of another one that it does not have itself.

    Mappings are merged, except the subject under test.
    """
    spans, parts = dict(upper.spans), dict(upper.parts)

    def take(path: DocumentPath, value: Any) -> Any:
        for place, span in lower.spans.items():
            if place[: len(path)] == path:
                spans[place] = span
                parts[place] = lower.parts.get(place, lower)
        return value

    def join(path: DocumentPath, above: dict[str, Any], below: dict[str, Any]) -> dict[str, Any]:
        result = dict(above)
        for key, value in below.items():
            at = (*path, key)
            if key not in above:
                result[key] = take(at, value)
            elif isinstance(above[key], dict) and isinstance(value, dict) and at[0] not in _SUBJECT:
                result[key] = join(at, above[key], value)
        return result

    below = {key: value for key, value in lower.value.items() if key != "include"}
    if any(word in upper.value for word in _SUBJECT):
        below = {key: value for key, value in below.items() if key not in _SUBJECT}
    return dataclasses.replace(upper, value=join((), upper.value, below), spans=spans, parts=parts)


def parse(data: bytes, file: str) -> tuple[list[Document], list[Problem]]:
    """Return the valid documents of a file, and the problems of the others.

    Empty documents are left out. ``file`` is the name for messages. Reading ends at invalid YAML;
    the documents before it are still returned.
    """
    if len(data) > FILE_BYTES:
        return [], [_too_large(file)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [_not_text(data, error.start, file)]
    source = _LINE_BREAK.split(text)
    if bad := _NOT_IN_YAML.search(text):
        before = _LINE_BREAK.split(text[: bad.start()])
        seen = f"the character U+{ord(bad[0]):04X}"
        broken = YamlBroken(
            len(before), len(before[-1]) + 1, "a control character", seen, 'write it as "\\u....", quoted'
        )
        return [], [_broken(file, broken)]
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        for index, (value, spans, mistakes) in enumerate(Reader(text).documents()):
            document = Document(file, index, value, source, spans)
            problems.extend(document.problem(mistake) for mistake in mistakes)
            if not mistakes and not (value is None and document.raw(()) == ""):
                documents.append(document)
    except YamlBroken as broken:
        problems.append(_broken(file, broken))
    except LimitReached as limit:
        problems.append(
            Problem(
                "FA211",
                f"too large for a scenario file: {limit.what}",
                where=f"{file}:{limit.line}:{limit.column}",
                expected=limit.allowed,
                seen="more than that",
                next_step=limit.next_step,
            )
        )
    return documents, problems


def _too_large(file: str) -> Problem:
    return Problem(
        "FA211",
        "too large for a scenario file: size",
        where=f"{file}:1:1",
        expected=f"at most {FILE_BYTES:,} bytes",
        seen="more than that",
        next_step="move data into a JSON-lines file, and name it by `from` under `inputs`",
    )


def _not_text(data: bytes, position: int, file: str) -> Problem:
    before = data[:position].decode("utf-8-sig", "replace").split("\n")
    broken = YamlBroken(
        len(before), len(before[-1]) + 1, "not UTF-8 text", f"the byte 0x{data[position]:02x}", "save the file as UTF-8"
    )
    return _broken(file, broken)


def _broken(file: str, broken: YamlBroken) -> Problem:
    where = f"{file}:{broken.line}:{broken.column}"
    return Problem(
        "FA201", f"this is not valid YAML: {broken.what}", where=where, seen=broken.seen, next_step=broken.next_step
    )
