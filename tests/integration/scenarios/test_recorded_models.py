"""Record, replay and live: a second model server plays the vendor, over real sockets."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.models.channel import Channel
from flink_testbed.models.rule import Usage
from flink_testbed.models.server import ModelServer
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.run.model_channel import model_source
from pytest_flink_agents.run.model_source import mode_of, obstacle_to_replays, served_model
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import ModelMode

KEY = "a-key-of-the-vendor"
RULES: list[dict[str, Any]] = [
    {"when": {"contains": "slow down"}, "fault": {"status": 429, "retry_after": "2s"}, "times": 1},
    {"when": {"contains": "refund"}, "reply": {"tool_calls": [{"name": "pay", "arguments": {"order": "o-1"}}]}},
    {"when": {"contains": "key"}, "reply": {"text": f"your key is {KEY}"}},
    {"reply": {"text": "hello"}, "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
]
SCENARIO = """\
version: "1"
name: the desk answers
agent: agents:Desk
inputs: [{key: a, value: hi}]
llm: {mode: MODE, cassette: cassettes/desk.json, endpoint: {url: "${env.MODEL_URL}", key: "${env.MODEL_KEY}"}}
expect: {outputs: [{key: a, value: hello}]}
"""


@pytest.fixture
def vendor() -> Iterator[Channel]:
    with ModelServer() as server, server.channel(RULES) as channel:
        yield channel


@pytest.fixture(autouse=True)
def variables(vendor: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_URL", vendor.openai_url)
    monkeypatch.setenv("MODEL_KEY", KEY)


class Session:
    """The services of one session, and the lines that it printed."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.lines: list[str] = []
        allowed = ("MODEL_URL", "MODEL_KEY")
        self.settings = Settings(root, (), allowed_env=allowed, **settings)
        redactor = Redactor({"MODEL_KEY": KEY})
        self.services = Services(self.settings, directory=root, progress=self.lines.append, redactor=redactor)

    def load(self, mode: str, text: str = SCENARIO) -> LoadedScenario:
        file = self.settings.root / "x.scenario.yaml"
        file.write_text(text.replace("MODE", mode, 1))
        (loaded,) = load_file(file, Project.of(self.settings))
        return loaded


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    sessions: list[Session] = []

    def new(**settings: Any) -> Session:
        sessions.append(Session(tmp_path, **settings))
        return sessions[-1]

    (tmp_path / "agents.py").write_text("class Desk: ...\n")
    yield new
    for each in sessions:
        each.services.close()


def post(address: str, body: dict[str, Any], **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": False, **more}


def conversation(channel: Channel) -> list[tuple[int, Any]]:
    """Ask in each format, as a stream, for an embedding, and twice for one thing that is refused at first."""
    openai, anthropic = f"{channel.openai_url}/chat/completions", f"{channel.anthropic_url}/v1/messages"
    return [
        post(openai, chat("hi")),
        post(openai, chat("hi", stream=True)),
        post(openai, chat("please slow down")),
        post(openai, chat("please slow down")),
        post(f"{channel.ollama_url}/api/chat", chat("a refund")),
        post(anthropic, chat("hi", max_tokens=9), **{"anthropic-version": "2023-06-01"}),
        post(f"{channel.ollama_url}/api/embed", {"model": "e", "input": "tea"}),
        post(openai, chat("what is the key")),
    ]


def test_a_replay_gives_what_was_recorded_in_every_format(
    session: Callable[..., Session], vendor: Channel, tmp_path: Path
) -> None:
    recording = session()
    loaded = recording.load("record")
    with served_model(recording.services, loaded, None) as channel:
        assert channel is not None
        recorded = conversation(channel)
        source = model_source(channel)
    assert [status for status, _ in recorded] == [200, 200, 429, 200, 200, 200, 200, 200]
    assert source is not None
    assert (source.mode, source.is_real, source.unknown) == ("record", True, "")
    assert [call.wire for call in vendor.calls] == ["openai"] * 4 + ["ollama", "anthropic", "ollama", "openai"]
    assert recording.lines == ["the desk answers: 8 exchanges recorded in cassettes/desk.json"]
    written = (tmp_path / "cassettes/desk.json").read_text()
    assert KEY not in written
    assert "your key is ***" in written
    assert [each.name for each in (tmp_path / "cassettes").iterdir()] == ["desk.json"]

    asked = len(vendor.calls)
    later = session()
    with served_model(later.services, later.load("replay"), None) as channel:
        assert channel is not None
        replayed = conversation(channel)
        calls = channel.calls
    assert len(vendor.calls) == asked
    assert [status for status, _ in replayed] == [status for status, _ in recorded]
    assert replayed[1] == recorded[1]
    assert [json.loads(text) for _, text in replayed[2:7]] == [json.loads(text) for _, text in recorded[2:7]]
    assert "your key is ***" in replayed[7][1]
    assert calls[0].usage == calls[5].usage == Usage(5, 3)
    assert calls[4].reply == {"tool_calls": [{"name": "pay", "arguments": {"order": "o-1"}}]}
    assert {call.rule for call in calls} == set(range(8))


class Gateway(BaseHTTPRequestHandler):
    """A service that keeps the headers of its requests and answers what a test tells it."""

    seen: ClassVar[list[dict[str, str]]] = []
    answer: ClassVar[tuple[int, bytes, dict[str, str]]] = (200, b"{}", {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
        status, body, headers = self.answer
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Gateway]]:
    Gateway.seen.clear()
    Gateway.answer = (200, b"{}", {})
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("MODEL_URL", f"http://127.0.0.1:{server.server_address[1]}/gateway/")
        yield Gateway
        server.shutdown()
        thread.join(10)


def test_the_service_gets_its_own_key_and_no_header_of_the_client_but_those_of_the_format(
    session: Callable[..., Session], gateway: type[Gateway]
) -> None:
    live = session()
    with served_model(live.services, live.load("live"), None) as channel:
        assert channel is not None
        own = {"Authorization": "Bearer of-the-agent", "x-api-key": "of-the-agent", "anthropic-version": "2023-06-01"}
        post(f"{channel.openai_url}/chat/completions", chat("hi"), **own)
        post(f"{channel.anthropic_url}/v1/messages", chat("hi"), **own)
        source = model_source(channel)
    openai, anthropic = gateway.seen
    assert (openai["path"], openai["authorization"]) == ("/gateway/v1/chat/completions", f"Bearer {KEY}")
    assert (anthropic["path"], anthropic["x-api-key"]) == ("/gateway/v1/messages", KEY)
    assert anthropic["anthropic-version"] == "2023-06-01"
    assert "of-the-agent" not in str(gateway.seen)
    assert (source and source.mode, live.lines) == ("live", [])


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that no other program can take during the test, and that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        ((200, b"\xff", {}), "an answer that is no UTF-8"),
        ((200, b"{", {"Content-Length": "900"}), "ClientPayloadError"),
        (None, "ClientConnectorError"),
    ],
)
def test_a_service_without_a_usable_answer_leaves_no_cassette(
    answer: tuple[int, bytes, dict[str, str]] | None,
    trouble: str,
    session: Callable[..., Session],
    gateway: type[Gateway],
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if answer:
        gateway.answer = answer
    else:
        monkeypatch.setenv("MODEL_URL", f"http://127.0.0.1:{closed_port}")
    recording = session()
    with served_model(recording.services, recording.load("record"), None) as channel:
        assert channel is not None
        status, text = post(f"{channel.openai_url}/chat/completions", chat("hi"))
        source = model_source(channel)
    assert (status, "the model's service gave no answer" in text) == (502, True)
    assert source is not None
    assert trouble in source.unknown
    assert not (tmp_path / "cassettes").exists()
    assert recording.lines[0].startswith("the desk answers: no cassette was written: http://127.0.0.1:")


def test_a_redirection_is_an_answer_and_is_not_followed(
    session: Callable[..., Session], gateway: type[Gateway]
) -> None:
    gateway.answer = (307, b"{}", {"Location": "http://169.254.1.1/"})
    live = session()
    with served_model(live.services, live.load("live"), None) as channel:
        assert channel is not None
        status, _ = post(f"{channel.openai_url}/chat/completions", chat("hi"))
    assert (status, len(gateway.seen)) == (307, 1)


def test_the_end_of_a_run_ends_the_wait_for_an_answer(session: Callable[..., Session]) -> None:
    live = session()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with served_model(live.services, live.load("live"), None) as channel:
            assert channel is not None
            answers: list[tuple[int, str]] = []
            address = f"{channel.openai_url}/chat/completions"
            asking = threading.Thread(target=lambda: answers.append(post(address, chat("hi"))))
            asking.start()
            connection, _ = silent.accept()
        asking.join(60)
        connection.close()
    assert [status for status, _ in answers] == [502]


def recorded(session: Callable[..., Session], *texts: str) -> None:
    recording = session(llm_mode=ModelMode.RECORD)
    with served_model(recording.services, recording.load("replay"), None) as channel:
        assert channel is not None
        for text in texts:
            post(f"{channel.openai_url}/chat/completions", chat(text))


def test_a_cassette_is_never_written_over_without_being_asked(session: Callable[..., Session], tmp_path: Path) -> None:
    recorded(session, "hi")
    file = tmp_path / "cassettes/desk.json"
    before = file.read_bytes()
    again = session(llm_mode=ModelMode.RECORD)
    loaded = again.load("replay")
    with (
        pytest.raises(HostError, match="FA438: the cassette exists already"),
        served_model(again.services, loaded, None),
    ):
        pass
    assert file.read_bytes() == before
    allowed = session(llm_mode=ModelMode.RECORD, llm_overwrite=True)
    loaded = allowed.load("replay")
    with served_model(allowed.services, loaded, None) as channel:
        assert channel is not None
        post(f"{channel.openai_url}/chat/completions", chat("bye"))
    assert b"bye" in file.read_bytes()
    # A second run of the session, on another tier or of a repeat, replays what the first one recorded.
    assert mode_of(allowed.services, loaded) is ModelMode.REPLAY


def test_a_recording_is_equal_to_one_made_in_another_order(session: Callable[..., Session], tmp_path: Path) -> None:
    recorded(session, "hi", "a refund")
    file = tmp_path / "cassettes/desk.json"
    requests = [each["request"] for each in json.loads(file.read_bytes())["exchanges"]]
    file.unlink()
    recorded(session, "a refund", "hi")
    assert [each["request"] for each in json.loads(file.read_bytes())["exchanges"]] == requests


def test_a_changed_scenario_is_named_when_its_request_was_not_recorded(session: Callable[..., Session]) -> None:
    recorded(session, "hi")
    later = session()
    changed = SCENARIO.replace("value: hi", "value: hello").replace("outputs: [{", "outputs: [ {")
    with served_model(later.services, later.load("replay", changed), None) as channel:
        assert channel is not None
        status, text = post(f"{channel.openai_url}/chat/completions", chat("hello"))
        (call,) = channel.unmatched
    assert (status, "this request was not recorded" in text) == (422, True)
    assert call.nearest.endswith('recorded "hi", asked "hello"; since the recording the scenario has changed in inputs')


def test_what_scrub_removes_does_not_count(session: Callable[..., Session]) -> None:
    text = SCENARIO.replace("llm: {", "llm: {scrub: [seed, $.metadata.at], ")
    recording = session(llm_mode=ModelMode.RECORD)
    with served_model(recording.services, recording.load("replay", text), None) as channel:
        assert channel is not None
        post(f"{channel.openai_url}/chat/completions", chat("hi", seed=1, metadata={"at": 5, "user": "u"}))
    later = session()
    with served_model(later.services, later.load("replay", text), None) as channel:
        assert channel is not None
        others = [chat("hi", seed=2, metadata={"at": 6, "user": user}) for user in "uv"]
        assert [post(f"{channel.openai_url}/chat/completions", each)[0] for each in others] == [200, 422]


def test_several_answers_to_one_request_cannot_be_given_again_to_a_replay_of_the_engine(
    session: Callable[..., Session],
) -> None:
    recorded(session, "slow down", "slow down")
    later = session()
    loaded = later.load("replay")
    assert obstacle_to_replays(later.services, loaded) == "a cassette with several answers to one request"
    live = session(llm_mode=ModelMode.LIVE)
    assert obstacle_to_replays(live.services, loaded) == "llm in the mode live"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"MODEL_KEY": ""}, "FA437: the model's service cannot be asked: a variable is missing"),
        ({"MODEL_URL": "https://api.example.com"}, "does not allow the model's service"),
        ({"MODEL_URL": "api.example.com"}, "FA437: the address of the model's service is wrong"),
    ],
)
def test_a_service_that_cannot_be_asked_stops_the_run(
    changes: dict[str, str], text: str, session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    live = session()
    with pytest.raises(HostError, match=text), served_model(live.services, live.load("live"), None):
        pass


def test_a_mode_needs_its_words_also_if_the_session_chose_it(session: Callable[..., Session]) -> None:
    live = SCENARIO.replace(" cassette: cassettes/desk.json,", "")
    recording = session(llm_mode=ModelMode.RECORD)
    loaded = recording.load("live", live)
    no_cassette = pytest.raises(ScenarioError, match="FA218: the scenario names no cassette")
    with no_cassette, served_model(recording.services, loaded, None):
        pass
