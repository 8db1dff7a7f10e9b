"""Cassettes: files of recorded exchanges with a model, strict to read and in a stable form to write.

A cassette belongs to the project and is reviewed like code. It is JSON, so that a truncated file is recognised, with
digests, so that a changed one is. Must never import: pydantic, yaml, pytest, anything that starts something.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.models.exchange import Answered, Exchange, request_digest
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, open_regular
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, shorten
from pytest_flink_agents.vocabulary import ModelMode

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.boundary.project import Project

_FORMAT = "flink-agents cassette 1"
_BYTES = 64 * 1024 * 1024
_NEXT_STEP = "record it again: --llm-mode=record --llm-overwrite"
_FIELDS = frozenset({"format", "words", "digest", "exchanges"})
# The words of a scenario that decide what its agent asks.
_ASKING = ("agent", "job", "requirements", "resources", "environment", "config", "flink_config", "inputs")


class CassetteError(Exception):
    """A file that is no whole cassette; the attributes are those of a problem."""

    def __init__(self, message: str, expected: str = "", seen: str = "", next_step: str = _NEXT_STEP) -> None:
        super().__init__(message)
        self.message, self.expected, self.seen, self.next_step = message, expected, seen, next_step


@dataclass(frozen=True, slots=True)
class Cassette:
    """Recorded exchanges, and the digests of the scenario's words that led to them."""

    exchanges: tuple[Exchange, ...]
    words: Mapping[str, str] = field(default_factory=dict)


def asking_words(value: Any) -> dict[str, str]:
    """Return the digest of each word of a document that decides what the agent asks."""
    return {word: _digest(value[word]) for word in _ASKING if word in value}


def changed_words(cassette: Cassette, value: Any) -> list[str]:
    """Return the words of a document that differ from those of the recording."""
    words = asking_words(value)
    return [word for word in _ASKING if cassette.words.get(word) != words.get(word)]


def cassette_data(cassette: Cassette) -> dict[str, Any]:
    """Return a cassette as plain data, without digests: these are made of what is written."""
    return {
        "format": _FORMAT,
        "words": dict(cassette.words),
        "exchanges": [_exchange_data(exchange) for exchange in cassette.exchanges],
    }


def with_digests(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a cassette with the digests of its requests and of all exchanges."""
    exchanges = [{"digest": request_digest(one["path"], one["request"]), **one} for one in data["exchanges"]]
    return {"format": data["format"], "words": data["words"], "digest": _digest(exchanges), "exchanges": exchanges}


def _exchange_data(exchange: Exchange) -> dict[str, Any]:
    response = exchange.response
    try:
        body: dict[str, Any] = {"json": json.loads(response.body)}
    except ValueError:
        # The lines of a stream, each readable in a review.
        body = {"lines": response.body.splitlines(keepends=True)}
    retry_after = {} if response.retry_after_s is None else {"retry_after_s": response.retry_after_s}
    return {
        "wire": exchange.wire,
        "path": exchange.path,
        "input": exchange.input,
        "request": exchange.request,
        "response": {"status": response.status, "content_type": response.content_type, **retry_after, **body},
    }


def read_cassette(file: Path) -> Cassette:
    """Return the cassette in a file. Raises :class:`CassetteError` for anything but a whole one."""
    try:
        with open_regular(file) as stream:
            data = stream.read(_BYTES + 1)
    except OSError as error:
        raise CassetteError("the cassette cannot be read", "a regular file", str(error.strerror)) from None
    if len(data) > _BYTES:
        raise CassetteError("the cassette is too large", f"at most {_BYTES // 1024 // 1024} MiB", "more")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CassetteError("the cassette is truncated, or no JSON", "a whole cassette", shorten(str(error))) from None
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        seen = describe(value.get("format") if isinstance(value, dict) else value)
        next_step = "name the file that --llm-mode=record wrote"
        raise CassetteError("this is no cassette", f'a file with the format "{_FORMAT}"', seen, next_step)
    if value.keys() != _FIELDS or value["digest"] != _digest(value["exchanges"]):
        message = "the cassette was changed after it was recorded"
        raise CassetteError(message, "the exchanges as they were written", "another digest")
    try:
        return Cassette(tuple(map(_exchange, value["exchanges"])), dict(value["words"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        seen = f"{type(error).__name__}: {shorten(str(error))}"
        raise CassetteError("an exchange of the cassette cannot be read", "request and response", seen) from None


def _exchange(data: Mapping[str, Any]) -> Exchange:
    written = data["response"]
    body = json.dumps(written["json"]) if "json" in written else "".join(written["lines"])
    response = Answered(int(written["status"]), str(written["content_type"]), body, written.get("retry_after_s"))
    exchange = Exchange(str(data["wire"]), str(data["path"]), data["request"], response, data["input"])
    if exchange.digest != data["digest"]:
        raise ValueError("the digest of the request is another one")
    return exchange


def cassette_mistakes(llm: Any, file: Path, project: Project) -> Iterator[Mistake]:
    """Yield the mistake of a scenario that replays a cassette which is missing or cannot be read.

    ``llm`` is that section of the document in ``file``.
    """
    relative, own = (llm.get("cassette"), llm.get("mode")) if isinstance(llm, dict) else (None, None)
    mode = own if own == ModelMode.SCRIPTED else project.llm_mode or own
    if mode != ModelMode.REPLAY or not isinstance(relative, str) or not relative:
        return
    path: DocumentPath = ("llm", "cassette")
    try:
        read_cassette(file_inside(relative=relative, **cassette_place(file, project.cassette_dir, project.real_root)))
    except PlaceError as error:
        next_step = error.next_step or "record it: --llm-mode=record"
        yield Mistake("FA218", path, error.message, error.expected, error.seen, next_step)
    except CassetteError as error:
        yield Mistake(
            "FA218", path, f"{error.message}: {shorten(relative)}", error.expected, error.seen, error.next_step
        )


def cassette_place(file: Path, directory: Path | None, root: Path) -> dict[str, Path]:
    """Return the base and the boundary of the path of a cassette that the scenario in ``file`` names."""
    return {"base": directory, "fence": directory} if directory else {"base": file.parent, "fence": root}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def numbered(exchanges: Sequence[Exchange]) -> str:
    """Return the number of exchanges in words."""
    return "1 exchange" if len(exchanges) == 1 else f"{len(exchanges)} exchanges"
