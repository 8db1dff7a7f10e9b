from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink import cluster_broker
from flink_testbed.flink.cluster_broker import BrokerAddress, BrokerClient

Reply = Callable[[int], tuple[int, bool, object]]


class Interrupted(BaseException):
    """Stands for the exception of a time-out plugin in the middle of a request."""


class FakeConnection:
    """Answers each request with the next of ``replies``, called with the id of the request."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.closed = False

    def send(self, request: tuple[int, str, tuple[Any, ...]]) -> None:
        self._number = request[0]

    def recv(self) -> tuple[int, bool, object]:
        return self._replies.pop(0)(self._number)

    def close(self) -> None:
        self.closed = True


def interrupted(number: int) -> tuple[int, bool, object]:
    raise Interrupted


def unplugged(number: int) -> tuple[int, bool, object]:
    raise EOFError


@pytest.fixture
def client_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BrokerClient]:
    def make(*connections: FakeConnection) -> BrokerClient:
        left = list(connections)
        monkeypatch.setattr(cluster_broker, "Client", lambda *args, **kwargs: left.pop(0))
        return BrokerClient(BrokerAddress("a socket", b"a key"))

    return make


def test_a_reply_to_an_earlier_request_is_dropped(client_of: Callable[..., BrokerClient]) -> None:
    late: Reply = lambda number: (number - 1, True, "late")  # noqa: E731
    client = client_of(FakeConnection(late, lambda number: (number, True, "mine")))
    assert client.call("open", "c") == "mine"


def test_an_interrupted_request_discards_its_connection(client_of: Callable[..., BrokerClient]) -> None:
    first = FakeConnection(interrupted, lambda number: (number, True, "of the first connection"))
    client = client_of(first, FakeConnection(lambda number: (number, True, "of the second")))
    with pytest.raises(Interrupted):
        client.call("open", "c")
    assert first.closed
    assert client.call("open", "c") == "of the second"


def test_an_owner_that_is_gone_is_a_host_error(client_of: Callable[..., BrokerClient]) -> None:
    client = client_of(FakeConnection(unplugged), FakeConnection(lambda number: (number, True, "back")))
    with pytest.raises(HostError) as caught:
        client.call("open", "c")
    assert caught.value.problems[0].code == "FA423"
    assert client.call("open", "c") == "back"


def test_the_owners_error_is_raised_and_the_connection_stays(client_of: Callable[..., BrokerClient]) -> None:
    client = client_of(
        FakeConnection(lambda number: (number, False, ValueError("no such tier")), lambda number: (number, True, 1))
    )
    with pytest.raises(ValueError, match="no such tier"):
        client.call("open", "c")
    assert client.call("open", "c") == 1
