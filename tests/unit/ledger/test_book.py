"""The book of a run: what is written, and what is answered."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from flink_testbed.ledger.book import Book, BookError
from flink_testbed.ledger.entry import EffectCall, HistoryReader, Seen, call_seen
from flink_testbed.ledger.recording import Recording
from flink_testbed.ledger.routes import Fault, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORDER = b'{"order": 7}'


class OpenBook:
    """A book with one route ``POST /refunds`` of the endpoint ``payments``."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.book: Book | None = None

    def __call__(self, recording: Recording | None = None, method: str = "POST", **route: Any) -> Book:
        assert self.book is None
        self.book = Book([Route("payments", method, "/refunds", **route)], self.file, recording)
        return self.book

    @property
    def entries(self) -> tuple[EffectCall, ...]:
        """The calls in the file, which must be whole."""
        assert self.book is not None
        history = HistoryReader(self.file).read(self.book.written)
        assert history.unknown == ""
        return history.entries


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenBook]:
    one = OpenBook(tmp_path / "effects.jsonl")
    yield one
    if one.book:
        one.book.close()


def call(path: str = "/refunds", body: bytes = ORDER, key: str = "", **carried: str) -> Seen:
    headers = {name.replace("_", "-"): value for name, value in carried.items()}
    headers |= {"Idempotency-Key": key} if key else {}
    return Seen("effects", "payments", "POST", path, {"page": "2"}, headers, body)


def test_a_call_is_in_the_file_with_everything_that_it_carries(opened: OpenBook) -> None:
    book = opened(reply=Reply(201, json={"id": 1}, headers={"X-Shop": "main"}))
    seen = call(key="k", X_Flink_Agents_Key='"c-1"', X_Flink_Agents_Input="3", X_Flink_Agents_Attempt="1")
    answer = book.answer(seen)
    assert (answer.status, json.loads(answer.body), answer.headers) == (201, {"id": 1}, {"X-Shop": "main"})
    (entry,) = opened.entries
    assert (entry.sequence, entry.route, entry.status, entry.body) == (1, "POST /refunds", 201, {"order": 7})
    assert (entry.key, entry.input, entry.attempt, entry.idempotency_key) == ("c-1", 3, 1, "k")
    assert (entry.query, entry.fault, entry.replayed) == ({"page": "2"}, "", False)
    assert entry.body_digest == hashlib.sha256(ORDER).hexdigest()
    assert entry.at_s > 1_600_000_000


def test_a_call_is_in_the_file_before_its_answer_is_returned(opened: OpenBook) -> None:
    opened().answer(call())
    # The book is still open, and was not flushed.
    assert opened.file.read_bytes().endswith(b"\n")


def test_a_call_without_a_route_is_recorded_and_names_the_nearest(opened: OpenBook) -> None:
    answer = opened().answer(call("/refund"))
    assert answer.status == 404
    assert "has no route POST /refund: it has POST /refunds; the nearest is POST /refunds" in answer.body.decode()
    assert [(one.route, one.status) for one in opened.entries] == [("", 404)]


def test_a_reply_repeats_parts_of_its_request(opened: OpenBook) -> None:
    reply = {"n": "${request.sequence}", "order": "${request.json.order}", "page": "page ${request.query.page}"}
    book = opened(reply=Reply(json=reply))
    assert json.loads(book.answer(call()).body) == {"n": 1, "order": 7, "page": "page 2"}
    assert json.loads(book.answer(call(body=b"no json")).body) == {"n": 2, "order": None, "page": "page 2"}


def test_a_fault_ends_after_its_times(opened: OpenBook) -> None:
    book = opened(fault=Fault(status=503, retry_after_s=2, times=1))
    first, second = book.answer(call()), book.answer(call())
    assert (first.status, first.headers, second.status) == (503, {"Retry-After": "2"}, 200)
    assert [(one.status, one.fault) for one in opened.entries] == [(503, "status 503"), (200, "")]


def test_a_reset_before_the_record_leaves_no_entry(opened: OpenBook) -> None:
    book = opened(fault=Fault(reset="before", times=1))
    assert book.answer(call()).reset
    assert opened.entries == ()
    assert not book.answer(call()).reset
    assert len(opened.entries) == 1


def test_a_reset_after_the_record_has_no_status(opened: OpenBook) -> None:
    assert opened(fault=Fault(reset="after")).answer(call()).reset
    assert [(one.status, one.fault) for one in opened.entries] == [(None, "reset after")]


@pytest.mark.parametrize("reply", [Reply(json={"a": [1]}), Reply(json=5), Reply(json=None), Reply(text="plain")])
def test_a_malformed_body_is_not_json(opened: OpenBook, reply: Reply) -> None:
    answer = opened(reply=reply, fault=Fault(malformed=True)).answer(call())
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(answer.body)


def test_a_slow_body_keeps_its_content(opened: OpenBook) -> None:
    answer = opened(reply=Reply(text="plain"), fault=Fault(slow_s=2, delay_s=1)).answer(call())
    assert (answer.body, answer.body_s, answer.delay_s) == (b"plain", 2, 1)


def test_a_repeated_idempotency_key_gets_the_first_answer(opened: OpenBook) -> None:
    book = opened(reply=Reply(json="${request.sequence}"), fault=Fault(reset="after", times=1), idempotent=True)
    answers = [book.answer(call(key=key)) for key in ("a", "a", "b", "a")]
    assert [answer.reset for answer in answers] == [True, False, False, False]
    assert [answer.body for answer in answers[1:]] == [b"1", b"3", b"1"]
    assert [(one.replayed, one.status) for one in opened.entries] == [
        (False, None),
        (True, 200),
        (False, 200),
        (True, 200),
    ]


def test_a_refused_call_is_not_the_first_of_its_key(opened: OpenBook) -> None:
    book = opened(reply=Reply(json="${request.sequence}"), fault=Fault(status=503, times=1), idempotent=True)
    assert [book.answer(call(key="a")).status for _ in range(3)] == [503, 200, 200]
    assert [one.replayed for one in opened.entries] == [False, False, True]


def test_calls_without_a_key_are_never_repeats(opened: OpenBook) -> None:
    book = opened(reply=Reply(json="${request.sequence}"), idempotent=True)
    assert [book.answer(call()).body for _ in range(2)] == [b"1", b"2"]


def test_other_services_share_the_sequence(opened: OpenBook) -> None:
    book = opened()
    book.answer(call())
    assert book.record(Seen("llm", "ollama", "POST", "/api/chat", body=b"{}"), status=200, fault="delay") == 2
    book.refuse(call(body=b""), 413, "too long")
    assert [(one.source, one.route, one.status, one.fault) for one in opened.entries] == [
        ("effects", "POST /refunds", 200, ""),
        ("llm", "POST /api/chat", 200, "delay"),
        ("effects", "", 413, "refused body"),
    ]


def test_a_call_that_cannot_be_written_is_not_answered(opened: OpenBook, monkeypatch: pytest.MonkeyPatch) -> None:
    book = opened()
    monkeypatch.setattr(os, "write", lambda _file, line: len(line) - 1)
    with pytest.raises(BookError, match="the disk is full"):
        book.answer(call())
    monkeypatch.undo()
    # A file with half a line takes no more lines.
    with pytest.raises(BookError):
        book.answer(call())
    assert (book.written, book.broken) == (0, "a call could not be written whole: the disk is full")


def test_a_book_does_not_continue_the_file_of_another_run(opened: OpenBook) -> None:
    opened()
    with pytest.raises(FileExistsError):
        Book([], opened.file)


def recording(*calls: Seen, exact: bool = True) -> Recording:
    made = [replace(call_seen(each), sequence=number, route="POST /refunds") for number, each in enumerate(calls, 1)]
    return Recording(**json.loads(json.dumps(Recording.of(made, exact=exact).as_data())))


def test_a_recorded_call_is_answered_as_often_and_with_the_number_that_it_had(opened: OpenBook) -> None:
    other = call(body=b'{"order": 8}')
    book = opened(recording(other, call()), reply=Reply(201, json={"id": "${request.sequence}"}))
    assert json.loads(book.answer(call(body=b'{ "order": 7}')).body) == {"id": 2}
    assert json.loads(book.answer(other).body) == {"id": 1}
    refused = book.answer(call())
    assert (refused.status, b"held back" in refused.body) == (403, True)
    assert [(each.fault, each.status, each.accepted) for each in opened.entries] == [
        ("", 201, True),
        ("", 201, True),
        ("held back", 403, False),
    ]


def test_a_call_that_is_not_recorded_is_refused_and_written(opened: OpenBook) -> None:
    book = opened(recording(call()))
    assert book.answer(call(body=b'{"order": 8}')).status == 403
    assert [(each.body, each.fault, each.route) for each in opened.entries] == [
        ({"order": 8}, "held back", "POST /refunds")
    ]


def test_a_recording_that_is_not_exact_knows_endpoint_and_method(opened: OpenBook) -> None:
    book = opened(recording(call(), exact=False))
    assert [book.answer(call(body=body)).status for body in (b'{"order": 8}', ORDER)] == [200, 403]


def test_a_recorded_question_may_be_asked_again(opened: OpenBook) -> None:
    question = replace(call(body=b""), method="GET")
    book = opened(recording(question), method="GET")
    assert [book.answer(question).status for _ in range(3)] == [200, 200, 200]


def test_nothing_is_answered_of_an_empty_recording(opened: OpenBook) -> None:
    assert opened(recording()).answer(call()).status == 403


def test_a_recorded_call_that_was_reset_before_it_arrived_may_be_made_again(opened: OpenBook) -> None:
    book = opened(recording(call()), fault=Fault(reset="before", times=1))
    assert book.answer(call()).reset
    assert [book.answer(call()).status for _ in range(2)] == [200, 403]


class TestShadow:
    """A book that answers as another one did, which is still open."""

    @pytest.fixture
    def shadow(self, opened: OpenBook, tmp_path: Path) -> Iterator[Book]:
        book = opened(reply=Reply(json={"number": "${request.sequence}"}))
        shadow = Book(
            [Route("payments", "POST", "/refunds", reply=Reply(json={"number": "${request.sequence}"}))],
            tmp_path / "shadow.jsonl",
            Recording({}),
        )
        book.show_to(shadow)
        yield shadow
        shadow.close()

    def test_a_call_that_the_other_one_has_not_recorded_is_held_back(self, shadow: Book) -> None:
        assert not shadow.can_answer(call())
        assert shadow.answer(call()).status == 403

    def test_a_call_is_answered_as_the_other_one_answered_it_and_as_often(self, opened: OpenBook, shadow: Book) -> None:
        assert opened.book is not None
        opened.book.answer(call(body=b"1"))
        answered = opened.book.answer(call())
        assert shadow.can_answer(call())
        assert shadow.answer(call()).body == answered.body
        assert not shadow.can_answer(call())
        assert shadow.answer(call()).status == 403
        assert len(opened.entries) == 2, "none of them is a call of the run"

    def test_calls_of_the_model_server_and_calls_without_a_route_are_not_shown(
        self, opened: OpenBook, shadow: Book
    ) -> None:
        assert opened.book is not None
        opened.book.record(replace(call(), source="llm"), status=200, fault="")
        opened.book.answer(call(path="/other"))
        assert not shadow.can_answer(call())
        assert shadow.can_answer(call(path="/other")), "nobody has to wait for the answer that it has no route"
