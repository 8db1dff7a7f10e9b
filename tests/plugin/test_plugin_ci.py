"""A session on a CI server: what the server shows of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from plugin_project import Project, lines_of, scenario

from flink_testbed.core import clock
from pytest_flink_agents.report.otel.export import export_session

FAILING_TEST = "\n\ndef test_plain():\n    raise ValueError('::error::forged')\n"


class Collector(ThreadingHTTPServer):
    """A server that answers as a collector does, and remembers the names of spans by the path they came to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Spans)
        self.spans: dict[str, list[str]] = {}
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Spans(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        spans = [span for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]
        self.server.spans.setdefault(self.path, []).extend(span.name for span in spans)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the base class has it
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def test_github_shows_the_failures_at_their_lines_and_the_summary_and_a_collector_that_refuses_is_a_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, collector: Collector
):
    collector.status = 403
    project.scenarios("x", scenario("right"), scenario("wrong", said="bye"))
    project.write("tests/test_plain.py", FAILING_TEST)
    summary = project.write("step-summary", "from another command\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = project.run("--flink-gate", f"--flink-otel={collector.url}")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"no traces: {collector.url}/v1/traces: *", "BLOCK *"])
    commands = [line for line in result.outlines if line.startswith("::")]
    folder = project.path.name
    assert commands[0] == (
        f"::error file={folder}/tests/test_plain.py,line=3,title=flink agents gate%3A tests::"
        "tests/test_plain.py::test_plain: ::error::forged"
    )
    assert commands[1].startswith(
        f"::error file={folder}/x.scenario.yaml,line=15,title=flink agents gate%3A scenarios::x.scenario.yaml::wrong"
    )
    assert [line.partition(" ")[0] for line in commands] == ["::error", "::error", "::warning"]
    appended = summary.read_text(encoding="utf-8")
    assert (
        appended == f"from another command\n{(project.report / 'summary.md').read_text(encoding='utf-8').rstrip()}\n\n"
    )


def test_every_session_writes_the_files_for_ci_servers_and_sends_its_spans_and_only_the_gate_speaks_to_a_server(
    project: Project, monkeypatch: pytest.MonkeyPatch, collector: Collector
):
    project.scenarios("x", scenario("wrong", said="bye"))
    summary = project.path / "step-summary"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = project.run(f"--flink-otel={collector.url}")
    assert collector.spans == {"/v1/traces": ["flink agents gate", "wrong", "input a"]}
    assert "no traces" not in lines_of(result)
    assert "::error" not in lines_of(result)
    assert not summary.exists()

    def read(name: str) -> Any:
        return json.loads((project.report / name).read_text(encoding="utf-8"))

    assert [test["rawStatus"] for test in read("ctrf-report.json")["results"]["tests"]] == ["failed"]
    assert read("gl-code-quality-report.json")[0]["location"] == {"path": "x.scenario.yaml", "lines": {"begin": 7}}
    assert "## BLOCK" in (project.report / "pull-request.md").read_text(encoding="utf-8")
    started = clock.now_s()
    line = export_session(project.report, "http://127.0.0.1:1", timeout_s=1)
    assert line.startswith("http://127.0.0.1:1/v1/traces: ")
    assert clock.now_s() - started < 10
