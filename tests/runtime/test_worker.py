import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import flink_agents_runtime
from flink_agents_runtime.channel import RequestError, serve
from flink_agents_runtime.local import isolation

HERE = Path(__file__).parent
RUNTIME = Path(flink_agents_runtime.__path__[0]).parent


class Process:
    """A process that answers requests over the channel."""

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


def test_the_greeting_has_the_versions_of_the_environment(worker):
    assert worker.hello["ready"] is True
    assert worker.hello["pid"] == worker.process.pid
    assert worker.hello["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"flink_agents", "apache_flink"} <= set(worker.hello)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_worker_has_one_thread_when_it_forks(worker):
    assert len(list(Path("/proc", str(worker.process.pid), "task").iterdir())) == 1


def test_a_run_returns_outputs_metrics_and_writes_an_event_log(worker, tmp_path):
    log = tmp_path / "events.log"
    reply = run(worker, "runtime_agents:Echo", [{"key": "a", "value": 1}], event_log=str(log), deadline_s=30)
    assert (reply["id"], reply["ok"]) == (1, True)
    result = reply["result"]
    assert result["outputs"] == [{"input": 0, "key": "a", "value": 1}]
    assert (result["failure"], result["timed_out"]) == (None, None)
    assert result["metrics"]["action.echo.numOfActionsExecuted"] == 1
    assert result["elapsed_s"] >= 0
    assert [json.loads(line)["key"] for line in log.read_text().splitlines()] == ["a", "a"]


def test_prints_go_to_the_log_and_a_failure_keeps_earlier_outputs(worker):
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


def test_a_misspelt_agent_is_an_error_of_kind_plan(worker):
    error = run(worker, "runtime_agents:Ecko", [])["error"]
    assert (error["kind"], error["seen"], error["next_step"]) == ("plan", "Ecko", "did you mean 'Echo'?")


def test_a_stuck_run_names_key_and_action_and_leaves_the_worker_usable(worker):
    reply = run(worker, "runtime_agents:Stuck", [{"key": "a", "value": 1}], deadline_s=2)
    assert reply["result"]["timed_out"] == {"after_s": 2, "waiting_on": [{"key": "a", "action": "hang", "input": 1}]}
    assert run(worker, "runtime_agents:Echo", [{"key": "a", "value": 2}])["result"]["outputs"] != []


def test_a_malformed_request_gets_an_error_reply(worker):
    assert "'run'" in worker.ask(id=7, op="runn")["error"]["expected"]
    assert worker.ask(id=8, op="run")["error"]["kind"] == "internal"
    assert worker.ask(id=9, op=["run"])["error"]["kind"] == "request"


def test_the_worker_stops_although_an_action_never_returned(tmp_path):
    worker = Process("-m", "flink_agents_runtime.local.worker", cwd=tmp_path)
    run(worker, "runtime_agents:Stuck", [{"key": "a", "value": 1}], deadline_s=0.1)
    assert worker.ask(id=2, op="stop") == {"id": 2, "ok": True, "result": {}}
    assert worker.process.wait(60) == 0
    worker.close()


def test_the_channel_survives_prints_at_import_and_replies_that_are_not_json(tmp_path):
    assert Process(__file__, cwd=tmp_path).hello == {"ready": True, "read": ""}
    served = Process(__file__, cwd=tmp_path)
    assert served.ask(id=1, op="echo", text="ü\n") == {"id": 1, "ok": True, "result": {"text": "ü\n"}}
    assert served.ask(id=2, op="unserialisable")["error"]["kind"] == "internal"
    assert served.ask(id=3, op="refuse")["error"]["next_step"] == "do not ask"
    served.process.stdin.write(b"no json\n")
    served.process.stdin.flush()
    assert served.read()["ok"] is False
    assert served.close() == 0


def _failure(worker, how):
    return run(worker, "dying_agents:Dying", [{"key": "a", "value": how}], deadline_s=30)["result"]["failure"]


def test_a_run_sees_no_state_of_an_earlier_one(worker):
    first, second = (
        run(worker, "dying_agents:Stateful", [{"key": "a", "value": None}])["result"]["outputs"] for _ in range(2)
    )
    assert [output["value"] for output in first] == [[1, 1, "1", True]]
    assert second == first


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("exit", "the process ended with exit code 3 while action 'die' of agent 'dying_agents:Dying' ran"),
        ("SIGTERM", "the process was ended by SIGTERM while action 'die' of agent 'dying_agents:Dying' ran"),
        ("SIGSEGV", "the process was ended by SIGSEGV while action 'die' of agent 'dying_agents:Dying' ran"),
        ("exit after an await", "the process ended with exit code 4 while action 'die' of agent"),
    ],
)
def test_a_process_that_dies_names_agent_action_and_key(worker, how, message):
    failure = _failure(worker, how)
    assert failure["message"].startswith(message)
    assert (failure["type"], failure["action"], failure["key"]) == ("ProcessDied", "die", "a")
    assert "last words" in failure["traceback"]
    assert run(worker, "runtime_agents:Echo", [{"key": "a", "value": 2}])["result"]["outputs"] != []


def test_a_process_that_the_system_killed_ends_the_worker_and_is_no_failure_of_the_agent(tmp_path):
    worker = Process("-m", "flink_agents_runtime.local.worker", cwd=tmp_path)
    request = {"id": 1, "op": "run", "agent_spec": {"agent": "dying_agents:Dying"}}
    worker.process.stdin.write(json.dumps(request | {"inputs": [{"key": "a", "value": "SIGKILL"}]}).encode() + b"\n")
    worker.process.stdin.flush()
    assert worker.process.wait(30) == 137
    last = worker.log.read_text().splitlines()[-1]
    assert last.startswith("the process of agent dying_agents:Dying was ended by SIGKILL while action 'die' of")


def test_a_native_crash_leaves_the_stack_of_the_agent(worker):
    assert "dying_agents.py" in _failure(worker, "SIGSEGV")["traceback"]


def test_a_process_that_dies_while_the_agent_is_imported_names_the_agent(worker):
    error = run(worker, "dying_at_import:Agent", [])["error"]
    assert error["kind"] == "plan"
    assert error["message"] == (
        "the process of agent dying_at_import:Agent ended with exit code 5 before its first action"
    )


def test_the_output_of_a_run_is_its_own_and_bounded(worker):
    loud, quiet = (
        run(worker, "dying_agents:Loud", [{"key": "a", "value": value}])["result"]["output"] for value in (100_000, 1)
    )
    assert "x" * 60_000 in loud
    assert "bytes are left out" in loud
    assert len(loud) < 70_000
    assert "printed x\n" in quiet
    assert "xx" not in quiet


def test_log_records_of_level_error_are_returned_with_their_tracebacks(worker):
    result = run(worker, "dying_agents:Logging", [{"key": "a", "value": 1}])["result"]
    plain, with_traceback = result["log_errors"]
    assert plain["line"].endswith("ERROR shop: out of stock")
    assert plain["detail"] == ""
    assert "ZeroDivisionError" in with_traceback["detail"]
    assert "a warning" in result["output"]


def test_the_death_of_a_thread_is_an_error_of_the_run():
    def handle(_):
        thread = threading.Thread(target=_refuse, args=(None,), name="helper")
        thread.start()
        thread.join()
        return {}

    result, _ = isolation.run_in_child(handle, {}, margin_s=30)
    (error,) = result["log_errors"]
    assert "the thread helper died: RequestError: no" in error["line"]


def test_a_process_of_the_scenario_does_not_hold_up_the_reply(worker):
    assert run(worker, "dying_agents:Forking", [{"key": "a", "value": 1}], deadline_s=30)["result"]["outputs"] != []


def test_a_run_ends_with_its_worker(tmp_path):
    worker = Process("-m", "flink_agents_runtime.local.worker", cwd=tmp_path)
    request = {
        "id": 1,
        "op": "run",
        "agent_spec": {"agent": "dying_agents:Hanging"},
        "inputs": [{"key": 1, "value": 2}],
    }
    worker.process.stdin.write(json.dumps(request).encode() + b"\n")
    worker.process.stdin.flush()
    pid_file = tmp_path / "pid"
    _wait_until(lambda: pid_file.exists() and pid_file.read_text())
    pid = int(pid_file.read_text())
    worker.process.kill()
    worker.process.wait()
    _wait_until(lambda: not _is_running(pid))


def test_a_child_that_never_replies_is_killed():
    died, _ = isolation.run_in_child(lambda _: time.sleep(60), {"deadline_s": 0.1}, margin_s=0.1)
    assert isinstance(died, isolation.ChildDiedError)
    assert (str(died), died.out_of_time, died.step) == ("did not reply within 0.2 s", True, None)


def test_only_the_childs_own_reply_is_its_result():
    def forge(request):
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                os.write(int(entry.name), request["line"].encode())
        if request["leaves"]:
            os._exit(0)
        return {"outputs": []}

    for leaves in (True, False):
        line = json.dumps({"ok": True, "result": {"outputs": ["forged"]}}) + "\n"
        died, _ = isolation.run_in_child(forge, {"line": line, "leaves": leaves}, margin_s=30)
        assert str(died) == "wrote to the pipe that is for its result"


def test_a_child_has_no_descriptors_of_its_parent(tmp_path):
    with (tmp_path / "channel").open("wb") as channel:
        descriptor = channel.fileno()
        result, _ = isolation.run_in_child(lambda _: {"open": _is_open(descriptor)}, {}, margin_s=30)
    assert result["open"] is False


def _is_open(descriptor):
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


def _wait_until(condition):
    ends_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_s
        time.sleep(0.02)


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _hello():
    print("noise")  # noqa: T201 - what modules do at their import
    os.write(1, b"more noise\n")
    return {"read": sys.stdin.read()}


def _refuse(request):
    raise RequestError("request", "no", next_step="do not ask")


if __name__ == "__main__":
    serve(
        {"echo": lambda r: {"text": r["text"]}, "unserialisable": lambda r: {"x": object()}, "refuse": _refuse}, _hello
    )
