"""Jars downloaded over real sockets, from correct and from faulty repositories."""

from __future__ import annotations

import gc
import hashlib
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flink_testbed.artifacts import cache, jars
from flink_testbed.artifacts.jars import JarSet, LockedJar, cached_jars, provide_jars
from flink_testbed.core.problem import HostError, Problem

# jgo leaves an answer that is no file unread: its connection ends when the answer is collected.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

CONTENT = {f"org/example/part-{n}/1.0/part-{n}-1.0.jar": bytes([n]) * 70_000 for n in range(8)}
JARS = JarSet(
    "parts",
    tuple(
        LockedJar(f"org.example:part-{n}:1.0", hashlib.sha256(content).hexdigest())
        for n, content in enumerate(CONTENT.values())
    ),
)
CUT = "/part-5/"


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect unread replies here, not in the middle of another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Repository(ThreadingHTTPServer):
    """A Maven repository on loopback.

    ``answer`` writes the reply to a path; every requested path is recorded.
    """

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> None:
        asked: list[str] = []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                content = CONTENT.get(self.path.removeprefix("/maven/"))
                if content is None:
                    self.send_error(404)
                else:
                    answer(self, content)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/maven"


def whole(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def flipped(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    whole(handler, content[:-1] + bytes([content[-1] ^ 1]) if CUT in handler.path else content)


def cut_with_length(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2] if CUT in handler.path else content)


def cut_without_length(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2] if CUT in handler.path else content)


def lacking(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    if CUT in handler.path:
        handler.send_error(404)
    else:
        whole(handler, content)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and home directory; no pause between attempts."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FLINK_AGENTS_MAVEN_MIRROR", raising=False)
    monkeypatch.setattr(jars, "_PAUSE_S", 0.0)
    monkeypatch.setattr(cache, "_checked", set())
    return tmp_path


@pytest.fixture
def serve() -> Iterator[Callable[..., Repository]]:
    """Start repositories that end with the test."""
    started = []

    def start(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Repository:
        server = Repository(answer)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def provide() -> tuple[Path, ...]:
    return provide_jars(JARS, progress=lambda _: None)


def refused() -> Problem:
    with pytest.raises(HostError) as caught:
        provide()
    (problem,) = caught.value.problems
    return problem


def test_jars_are_downloaded_from_the_mirror_once_in_the_order_of_the_lock(serve, monkeypatch) -> None:
    server = serve(whole)
    monkeypatch.setenv("FLINK_AGENTS_MAVEN_MIRROR", server.url + "/")
    assert cached_jars(JARS) is None
    found = provide()
    assert [file.read_bytes() for file in found] == list(CONTENT.values())
    assert sorted({file.parent for file in found}) == [found[0].parent]
    assert [file for file in found[0].parent.iterdir() if "incoming" in file.name] == []
    monkeypatch.setenv("FLINK_AGENTS_MAVEN_MIRROR", "http://127.0.0.1:1/nobody")
    assert provide() == found == cached_jars(JARS)


def test_mavens_own_settings_name_the_mirror(serve, fresh: Path) -> None:
    server = serve(whole)
    settings = fresh / "home" / ".m2" / "settings.xml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        f"<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>{server.url}</url></mirror></mirrors></settings>"
    )
    assert len(provide()) == len(CONTENT)
    assert len(server.asked) >= len(CONTENT)


@pytest.mark.parametrize(
    ("answer", "code", "seen"),
    [
        (flipped, "FA452", "70000 bytes"),
        (cut_without_length, "FA452", "35000 bytes"),
        (cut_with_length, "FA451", "broke off"),
        (lacking, "FA451", "lacks it or denies access"),
    ],
)
def test_a_download_that_differs_from_the_lock_is_refused_and_not_cached(
    serve, monkeypatch, fresh: Path, answer, code: str, seen: str
) -> None:
    server = serve(answer)
    monkeypatch.setenv("FLINK_AGENTS_MAVEN_MIRROR", server.url)
    problem = refused()
    assert problem.code == code
    assert "org.example:part-5:1.0" in problem.message
    assert seen in problem.seen
    assert "FLINK_AGENTS_MAVEN_MIRROR" in problem.next_step
    assert server.url not in problem.render()
    assert [path for path in (fresh / "cache" / "jars").iterdir() if path.suffix not in (".lock", ".use")] == []
    assert cached_jars(JARS) is None


def test_an_interrupted_download_is_repeated(serve, monkeypatch) -> None:
    broken: list[str] = []

    def at_first(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        if CUT in handler.path and not broken:
            broken.append(handler.path)
            cut_with_length(handler, content)
        else:
            whole(handler, content)

    monkeypatch.setenv("FLINK_AGENTS_MAVEN_MIRROR", serve(at_first).url)
    assert [file.read_bytes() for file in provide()] == list(CONTENT.values())
    assert broken


def test_an_unreachable_repository_is_reported_with_jar_and_mirror_setting_but_no_address(monkeypatch) -> None:
    """The address may contain a password."""
    monkeypatch.setenv("FLINK_AGENTS_MAVEN_MIRROR", "http://user:secret@127.0.0.1:1/maven")
    problem = refused()
    assert problem.code == "FA414"
    assert "org.example:part-" in problem.message
    assert "FLINK_AGENTS_MAVEN_MIRROR or ~/.m2/settings.xml" in problem.next_step
    assert "secret" not in problem.render()


def test_a_changed_byte_in_the_cache_is_refused(serve, monkeypatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_MAVEN_MIRROR", serve(whole).url)
    file = provide()[3]
    content = file.read_bytes()
    file.write_bytes(content[:100] + b"\xff" + content[101:])
    monkeypatch.setattr(cache, "_checked", set())
    problem = refused()
    assert problem.code == "FA416"
    assert file.name in problem.seen
