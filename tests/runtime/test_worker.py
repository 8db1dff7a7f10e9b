"""The worker process and its channel, as the harness drives it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import flink_agents_runtime
from flink_agents_runtime.channel import RequestError, serve

HERE = Path(__file__).parent
RUNTIME = Path(flink_agents_runtime.__path__[0]).parent


class Process:
    """A process that speaks the channel's protocol."""

    def __init__(self, *argv, cwd):
        environment = {**os.environ, "PYTHONPATH": f"{RUNTIME}:{HERE}"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, *argv], stdin=pipe, stdout=pipe, stderr=(cwd / "log").open("wb"), env=environment, cwd=cwd
        )
        self.log = cwd / "log"
        self.hello = self.read()

    def read(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    worker = Process("-m", "flink_agents_runtime.local.worker", cwd=tmp_path_factory.mktemp("worker"))
    yield worker
    worker.close()


def run(worker, agent, inputs, **more):
    return worker.ask(id=1, op="run", agent_spec={"agent": agent}, config={}, inputs=inputs, **more)


def test_the_worker_says_what_it_is(worker):
    """The first line tells the versions of its environment, after all imports."""
    assert worker.hello["ready"] is True
    assert worker.hello["pid"] == worker.process.pid
    assert worker.hello["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"flink_agents", "apache_flink"} <= set(worker.hello)


def test_a_run_gives_outputs_metrics_and_an_event_log(worker, tmp_path):
    """The result is all the evidence of a local run."""
    log = tmp_path / "events.log"
    reply = run(worker, "runtime_agents:Echo", [{"key": "a", "value": 1}], event_log=str(log), deadline_s=30)
    assert (reply["id"], reply["ok"]) == (1, True)
    result = reply["result"]
    assert result["outputs"] == [{"input": 0, "key": "a", "value": 1}]
    assert (result["failure"], result["timed_out"]) == (None, None)
    assert result["metrics"]["action.echo.numOfActionsExecuted"] == 1
    assert result["elapsed_s"] >= 0
    assert [json.loads(line)["key"] for line in log.read_text().splitlines()] == ["a", "a"]


def test_prints_and_a_failure_do_not_disturb_the_channel(worker):
    """What an agent prints goes to the log; its failure comes back as data, with the outputs before it."""
    reply = run(worker, "runtime_agents:FailsOnTwo", [{"key": "a", "value": 1}, {"key": "a", "value": 2}])
    failure = reply["result"]["failure"]
    assert reply["result"]["outputs"] == [{"input": 0, "key": "a", "value": 1}]
    assert {name: failure[name] for name in ("action", "key", "input", "type", "message")} == {
        "action": "check",
        "key": "a",
        "input": 2,
        "type": "ValueError",
        "message": "two",
    }
    assert "runtime_agents.py" in failure["traceback"]
    assert "an agent's print" in worker.log.read_text()


def test_a_wrong_agent_is_an_error_of_kind_plan(worker):
    """The fields are those that a report shows."""
    error = run(worker, "runtime_agents:Ecko", [])["error"]
    assert (error["kind"], error["seen"], error["next_step"]) == ("plan", "Ecko", "did you mean 'Echo'?")


def test_a_stuck_run_leaves_the_worker_usable(worker):
    """Past the deadline the reply tells key and action, and the next request is served."""
    reply = run(worker, "runtime_agents:Stuck", [{"key": "a", "value": 1}], deadline_s=0.2)
    assert reply["result"]["timed_out"] == {"after_s": 0.2, "waiting_on": [{"key": "a", "action": "hang", "input": 1}]}
    assert run(worker, "runtime_agents:Echo", [{"key": "a", "value": 2}])["result"]["outputs"] != []


def test_a_request_that_makes_no_sense_is_answered(worker):
    """Unknown operations and missing fields are errors, not ends."""
    assert "'run'" in worker.ask(id=7, op="runn")["error"]["expected"]
    assert worker.ask(id=8, op="run")["error"]["kind"] == "internal"
    assert worker.ask(id=9, op=["run"])["error"]["kind"] == "request"


def test_a_stuck_thread_does_not_keep_the_worker(tmp_path):
    """Told to stop, or left alone, it ends, though an action never returned."""
    worker = Process("-m", "flink_agents_runtime.local.worker", cwd=tmp_path)
    run(worker, "runtime_agents:Stuck", [{"key": "a", "value": 1}], deadline_s=0.1)
    assert worker.ask(id=2, op="stop") == {"id": 2, "ok": True, "result": {}}
    assert worker.process.wait(20) == 0
    worker.close()


def test_the_channel_survives_noise_and_unspeakable_replies(tmp_path):
    """Prints at import, reads of standard input, replies that are not JSON and lines that are not: each gets its answer."""
    assert Process(__file__, cwd=tmp_path).hello == {"ready": True, "read": ""}
    served = Process(__file__, cwd=tmp_path)
    assert served.ask(id=1, op="echo", text="ü\n") == {"id": 1, "ok": True, "result": {"text": "ü\n"}}
    assert served.ask(id=2, op="unspeakable")["error"]["kind"] == "internal"
    assert served.ask(id=3, op="refuse")["error"]["next_step"] == "do not ask"
    served.process.stdin.write(b"no json\n")
    served.process.stdin.flush()
    assert served.read()["ok"] is False
    assert served.close() == 0


def _hello():
    print("noise")  # noqa: T201 - what modules do at their import
    os.write(1, b"more noise\n")
    return {"read": sys.stdin.read()}


def _refuse(request):
    raise RequestError("request", "no", next_step="do not ask")


if __name__ == "__main__":
    serve({"echo": lambda r: {"text": r["text"]}, "unspeakable": lambda r: {"x": object()}, "refuse": _refuse}, _hello)
