"""Where the answers of a channel come from if no script gives them: recorded exchanges, or a service."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flink_testbed.ledger.entry import INPUT
from flink_testbed.models.exchange import Answered, Exchange, canonical, difference_text, similarity

# A run that asks for other things than the recorded ones does so again and again.
_EXPLAINED, _COMPARED = 20, 500
_VERSION = "/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a model's service, with or without the ``/v1`` of its paths, and the key to it, empty for none."""

    url: str
    key: str = field(default="", repr=False)

    @property
    def base(self) -> str:
        """The address before the path of a request."""
        return self.url.rstrip("/").removesuffix(_VERSION)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its format, path and body, and the headers that name its cause."""

    wire: str
    path: str
    data: Mapping[str, Any]
    carried: Mapping[str, str]

    @property
    def input(self) -> int | None:
        """The number of the input that led to the request, None if it is not known."""
        text = self.carried.get(INPUT, "")
        return int(text) if text.isdecimal() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class Told:
    """The response to a request, and the index of the recorded exchange that it comes from."""

    response: Answered
    exchange: int | None = None


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """The absence of a recorded exchange; ``text`` shows the nearest one."""

    text: str


class Tape(Protocol):
    """The interface of both sources. For one thread at a time.

    ``mode`` is its word in a scenario; ``endpoint`` is None if no service is asked; ``trouble`` says why not every request
    could be answered, empty if each was.
    """

    mode: str
    endpoint: Endpoint | None
    trouble: str

    def answer(self, asked: Asked, answered: Answered | None) -> Told | NotRecorded:
        """Return the response to a request; ``answered`` is that of the endpoint."""


class Replay:
    """Recorded exchanges; a request gets the responses that the same request got, in their order.

    The last of them is given again to all further ones, as a restarted job repeats its requests. ``prepare`` is applied to
    each request's body before it is compared, as it was before it was recorded. ``remark`` is added to the text about a
    request that is not there.
    """

    def __init__(self, exchanges: Sequence[Exchange], prepare: Callable[[Any], Any], remark: str = "") -> None:
        self.mode = "replay"
        self.endpoint: Endpoint | None = None
        self.trouble = ""
        self.exchanges: Sequence[Exchange] = tuple(exchanges)
        self._prepare = prepare
        self._remark = remark
        self._by_digest: dict[str, list[int]] = {}
        for index, exchange in enumerate(self.exchanges):
            self._by_digest.setdefault(exchange.digest, []).append(index)
        self._given: Counter[str] = Counter()
        self._missing = 0

    @property
    def repeats_itself(self) -> bool:
        """True if the answer to a request does not depend on how often it came before."""
        return all(
            self.exchanges[index].response == self.exchanges[indexes[0]].response
            for indexes in self._by_digest.values()
            for index in indexes
        )

    def answer(self, asked: Asked, answered: Answered | None) -> Told | NotRecorded:
        """Return the recorded response."""
        del answered
        nothing = Answered(0, "", "")
        exchange = Exchange(asked.wire, asked.path, canonical(self._prepare(asked.data)), nothing, asked.input)
        found = self._by_digest.get(exchange.digest)
        if found is None:
            return NotRecorded(self._explained(exchange))
        index = found[min(self._given[exchange.digest], len(found) - 1)]
        self._given[exchange.digest] += 1
        return Told(self.exchanges[index].response, index)

    def _explained(self, asked: Exchange) -> str:
        self._missing += 1
        text = "this request was not recorded"
        compared = self.exchanges[:_COMPARED]
        if not compared:
            return f"{text}: the cassette is empty{self._remark}"
        if self._missing > _EXPLAINED:
            return f"{text}{self._remark}"
        index = max(range(len(compared)), key=lambda one: (similarity(compared[one], asked), -one))
        nearest = f"exchange {index + 1} of {len(self.exchanges)}"
        return f"{text}; the nearest, {nearest}, differs: {difference_text(compared[index], asked)}{self._remark}"


class Forward:
    """The responses of a service; the exchanges are kept in the order of their ends."""

    def __init__(self, endpoint: Endpoint, prepare: Callable[[Any], Any], mode: str = "live") -> None:
        self.mode = mode
        self.endpoint: Endpoint | None = endpoint
        self.trouble = ""
        self.exchanges: list[Exchange] = []
        self._prepare = prepare

    def answer(self, asked: Asked, answered: Answered | None) -> Told | NotRecorded:
        """Keep an exchange and return the response of the service."""
        assert answered is not None, "a request is forwarded before it is answered"
        request = canonical(self._prepare(asked.data))
        self.exchanges.append(Exchange(asked.wire, asked.path, request, answered, asked.input))
        return Told(answered)


def in_stable_order(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return exchanges in an order that does not depend on which of two keys was faster.

    By their input, the length of the conversation and the request; equal requests stay in the order in which they came.
    """

    def place(exchange: Exchange) -> tuple[bool, int, int, str, str]:
        messages = exchange.request.get("messages") if isinstance(exchange.request, dict) else None
        length = len(messages) if isinstance(messages, list) else 0
        text = json.dumps(exchange.request, sort_keys=True)
        return exchange.input is None, exchange.input or 0, length, exchange.path, text

    return sorted(exchanges, key=place)
