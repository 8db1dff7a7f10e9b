"""The model server over real sockets, with a plain HTTP client."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from flink_testbed.core.clock import now_s, wait_until
from flink_testbed.models.channel import Channel
from flink_testbed.models.script import parse_script
from flink_testbed.models.server import BODY_LIMIT_BYTES, ModelServer


class Client:
    """One keep-alive connection to one channel."""

    def __init__(self, channel: Channel) -> None:
        address = urlsplit(channel.ollama_url)
        self.root = address.path
        self.http = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        self.http.request("POST", self.root + path, body, headers)
        response = self.http.getresponse()
        return response.status, json.loads(response.read())

    def chat(self, text: str, path: str = "/api/chat") -> tuple[int, Any]:
        return self.post(path, chat_body(text))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


Connect = Callable[[Channel], Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open clients that are closed at the end of the test."""
    clients: list[Client] = []

    def new(channel: Channel) -> Client:
        clients.append(Client(channel))
        return clients[-1]

    yield new
    for client in clients:
        client.http.close()


def chat_body(text: str) -> str:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], "stream": False})


def open_channel(server: ModelServer, *rules: dict[str, Any]) -> Channel:
    return server.channel(parse_script(rules or [{"reply": {"text": "ok"}}]))


def test_one_connection_serves_both_wire_formats(server: ModelServer, connect: Connect) -> None:
    """Errors do not close it."""
    client = connect(open_channel(server, {"when": {"contains": "hi"}, "reply": {"text": "ok"}}))
    assert client.chat("hi")[1]["message"]["content"] == "ok"
    used = client.http.sock
    status, error = client.chat("hello")
    assert (status, "rule 1 of 1, expected the last message to contain 'hi', saw 'hello'" in error["error"]) == (
        422,
        True,
    )
    assert client.chat("hi", "/v1/chat/completions")[1]["choices"][0]["message"]["content"] == "ok"
    client.http.request("GET", client.root + "/v1/models")
    assert json.loads(client.http.getresponse().read())["object"] == "list"
    assert client.http.sock is used is not None


def test_channels_on_one_port_are_separate(server: ModelServer, connect: Connect) -> None:
    """A closed or unknown address is a 404 with a reason."""
    first = open_channel(server, {"reply": {"text": "first"}})
    second = open_channel(server, {"reply": {"text": "second"}})
    client = connect(first)
    assert client.chat("hi")[1]["message"]["content"] == "first"
    assert connect(second).chat("hi")[1]["message"]["content"] == "second"
    first.close()
    status, body = client.chat("hi")
    assert (status, "its run has ended" in body["error"]) == (404, True)
    assert (len(first.calls), len(second.calls)) == (1, 1)


def test_calls_of_concurrent_clients_are_recorded_once_and_numbered_without_a_gap(
    server: ModelServer, connect: Connect
) -> None:
    channel = open_channel(server)
    statuses: list[int] = []

    def work() -> None:
        client = connect(channel)
        statuses.extend(client.chat("hi")[0] for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 160
    assert [call.seq for call in channel.calls] == list(range(1, 161))


def test_a_chunked_body_is_read(server: ModelServer, connect: Connect) -> None:
    client = connect(open_channel(server))
    body = chat_body("hi").encode()
    client.http.request("POST", client.root + "/api/chat", iter([body[:9], body[9:]]), encode_chunked=True)
    assert client.http.getresponse().status == 200


def test_a_server_opens_a_channel_for_plain_rules(server: ModelServer, connect: Connect) -> None:
    channel = server.channel([{"when": {"contains": "hi"}, "reply": {"text": "hello"}}])
    assert connect(channel).chat("hi")[1]["message"]["content"] == "hello"
    with pytest.raises(ValueError, match="rule 1"):
        server.channel([{"replay": {"text": "hello"}}])


def test_a_body_over_the_limit_is_a_recorded_413(server: ModelServer, connect: Connect) -> None:
    channel = open_channel(server)
    status, body = connect(channel).post("/api/chat", b"x" * (BODY_LIMIT_BYTES + 1))
    assert (status, "exceeds the limit" in body["error"]) == (413, True)
    assert [call.status for call in channel.unmatched] == [413]


def test_a_client_that_waits_for_a_go_ahead_gets_one(server: ModelServer, connect: Connect) -> None:
    client = connect(open_channel(server))
    body = chat_body("hi").encode()
    with socket.create_connection(("127.0.0.1", client.http.port), timeout=60) as waiting:
        head = f"POST {client.root}/api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        waiting.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert waiting.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        waiting.sendall(body)
        assert waiting.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_method_without_a_meaning_is_a_405(server: ModelServer, connect: Connect) -> None:
    client = connect(open_channel(server))
    client.http.request("DELETE", client.root + "/api/chat")
    assert client.http.getresponse().status == 405


def test_a_client_that_disconnects_is_neither_recorded_nor_an_error(
    server: ModelServer, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    channel = open_channel(server)
    client = connect(channel)
    with socket.create_connection(("127.0.0.1", client.http.port)) as half:
        half.sendall(f"POST {client.root}/api/chat HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf".encode())
        assert client.chat("hi")[0] == 200
    assert client.chat("hi")[0] == 200
    assert len(channel.calls) == 2
    assert capsys.readouterr().err == ""


def test_a_status_fault_has_the_scripted_status_and_retry_after(server: ModelServer, connect: Connect) -> None:
    """The connection stays open."""
    client = connect(
        open_channel(server, {"fault": {"status": 503, "retry_after": "1500ms"}, "times": 1}, {"reply": {"text": "ok"}})
    )
    client.http.request("POST", client.root + "/api/chat", chat_body("hi"))
    response = client.http.getresponse()
    response.read()
    assert (response.status, response.headers["Retry-After"]) == (503, "1.5")
    assert client.chat("hi")[0] == 200


def test_a_reset_fault_resets_the_connection(server: ModelServer, connect: Connect) -> None:
    channel = open_channel(server, {"fault": {"reset": True}})
    with pytest.raises(ConnectionResetError) as broken:
        connect(channel).chat("hi")
    assert not isinstance(broken.value, http.client.RemoteDisconnected)
    assert channel.calls[0].faults == ("reset",)


def test_a_truncate_fault_ends_the_body_early(server: ModelServer, connect: Connect) -> None:
    client = connect(open_channel(server, {"reply": {"text": "ok"}, "fault": {"truncate": True}}))
    with pytest.raises(http.client.IncompleteRead) as cut:
        client.chat("hi")
    assert cut.value.partial
    assert cut.value.expected


def test_a_delay_fault_delays_a_complete_reply(server: ModelServer, connect: Connect) -> None:
    client = connect(open_channel(server, {"reply": {"text": "late"}, "fault": {"delay": "100ms"}}))
    started = now_s()
    assert client.chat("hi")[1]["message"]["content"] == "late"
    assert now_s() - started >= 0.1


def test_stop_does_not_wait_for_open_connections(connect: Connect) -> None:
    """Idle connections, a half-sent request and a delay of a minute; no thread is left."""
    before = set(threading.enumerate())
    server = ModelServer()
    server.start()
    channel = open_channel(server, {"when": {"contains": "slow"}, "fault": {"delay": "60s"}}, {"reply": {"text": "ok"}})
    idle, slow = connect(channel), connect(channel)
    assert idle.chat("hi")[0] == 200
    slow.http.request("POST", slow.root + "/api/chat", chat_body("slow"))
    with socket.create_connection(("127.0.0.1", idle.http.port)) as half:
        half.sendall(b"POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        wait_until(lambda: (True if len(channel.calls) == 2 else None, ""), what="the slow call", timeout_s=60)
        started = now_s()
        server.stop()
        assert now_s() - started < 20
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        slow.http.getresponse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", idle.http.port))
    wait_until(
        lambda: (True if set(threading.enumerate()) <= before else None, str(threading.enumerate())),
        what="the server's threads to end",
        timeout_s=60,
    )


def test_a_stopped_server_can_be_started_again(connect: Connect) -> None:
    server = ModelServer()
    server.stop()
    for _ in range(2):
        server.start()
        assert connect(open_channel(server)).chat("hi")[0] == 200
        server.stop()
