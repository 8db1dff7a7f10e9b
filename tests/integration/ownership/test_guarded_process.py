"""No process under a guard outlives its owner. Real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from flink_testbed.core import ports
from flink_testbed.core.directories import cache_root
from flink_testbed.core.problem import HostError, WaitTimeoutError
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import GuardedProcess, clean_environment
from flink_testbed.responder import RefusedError, Responder

# A limit for what a quiet machine does at once.
SOON_S = 30.0
# A grandchild in its own session, one orphaned by a double fork, one ordinary child.
FAMILY = "setsid nohup sleep 1111 & (sleep 1112 &) ; sleep 1113"


def start(command: str, tmp_path: Path, **options: object) -> GuardedProcess:
    return GuardedProcess(
        ["/bin/bash", "-c", command],
        name="family",
        log=tmp_path / "log",
        env=clean_environment(),
        cwd=tmp_path,
        **options,  # type: ignore[arg-type]
    )


def family_of(process: GuardedProcess, sleepers: int = 3) -> list[psutil.Process]:
    """Return the tree once every ``sleep`` runs in it.

    A shell that is about to become a ``sleep`` counts for a moment too, so the number of processes
    alone is not enough.
    """
    deadline = time.monotonic() + SOON_S
    family = process.tree()
    while [is_sleep(member) for member in family].count(True) < sleepers and time.monotonic() < deadline:
        time.sleep(0.02)
        family = process.tree()
    return family


def is_sleep(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name() == "sleep"
    return False


def all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=SOON_S)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_kill_ends_the_whole_tree(tmp_path: Path) -> None:
    """Includes children in other process groups, and orphans."""
    process = start(FAMILY, tmp_path)
    family = family_of(process)
    assert len(family) == 4
    process.kill()
    assert all_gone(family)


def test_programs_are_killed_by_their_command_line_and_the_command_goes_on(tmp_path: Path) -> None:
    with start(FAMILY, tmp_path) as process:
        family_of(process)
        assert process.kill_programs("sleep 1112") == 1
        # A killed process is there until the kernel has ended it, which takes a busy machine a moment.
        ends_s = time.monotonic() + SOON_S
        while process.kill_programs("sleep 1112"):
            assert time.monotonic() < ends_s, "the program is still there"
            time.sleep(0.05)
        assert process.kill_programs("sleep") == 1, "the command's own command line does not count"
        assert process.returncode() is None


def test_a_full_disk_lets_no_file_grow_and_is_freed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys, time\n"
        "while True:\n"
        "    try: seen = pathlib.Path('file').write_text('x') and 'written'\n"
        "    except OSError as error: seen = error.strerror\n"
        "    print(seen, flush=True)\n"
        "    time.sleep(0.02)\n"
    )
    # The program is a child of the command, and reports by a pipe: its log is on the full disk, too.
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"]
    with GuardedProcess(
        command, name="writer", log=tmp_path / "log", env=clean_environment(), cwd=tmp_path, channel=True
    ) as process:

        def wait_for(wanted: str) -> None:
            deadline = time.monotonic() + SOON_S
            while (line := process.stdout.readline().decode().strip()) != wanted:
                assert time.monotonic() < deadline, line

        wait_for("written")
        process.fill_disk()
        wait_for("File too large")
        process.free_disk()
        wait_for("written")


def test_the_kernel_kills_the_command_of_a_killed_guard(tmp_path: Path) -> None:
    process = start("exec sleep 1114", tmp_path)
    family = family_of(process, sleepers=1)
    assert len(family) == 2
    os.kill(process.guard_pid, signal.SIGKILL)
    assert all_gone(family[1:])
    process.kill()


def test_the_tree_dies_with_a_killed_owner(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from flink_testbed.ownership.process import *\n"
        f"p = GuardedProcess(['/bin/bash', '-c', {FAMILY!r}], name='x', log=Path('log'), env=clean_environment(), cwd=Path('.'))\n"
        "while [q.name() for q in p.tree()].count('sleep') < 3: time.sleep(0.05)\n"
        "print(*[q.pid for q in p.tree()], flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        family = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
        assert len(family) == 4
        owner.kill()
        assert all_gone(family)


def test_children_of_an_ended_command_are_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    process = start("sleep 1115 & sleep 1116 & read -r _ < go", tmp_path)
    family = family_of(process, sleepers=2)[1:]
    assert len(family) == 3, "bash and two sleeps"
    (tmp_path / "go").write_text("\n")
    assert process.wait_ended(SOON_S) == 0
    assert all_gone(family)
    process.kill()


def test_the_guard_returns_the_commands_exit_code_and_log(tmp_path: Path) -> None:
    process = start("echo out; echo err >&2; exit 7", tmp_path)
    assert process.wait_ended(SOON_S) == 7
    assert process.log_tail() == "out\nerr"
    process.kill()


def test_stop_sends_sigterm_and_waits(tmp_path: Path) -> None:
    process = start("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done", tmp_path)
    deadline = time.monotonic() + SOON_S
    while "ready" not in process.log_tail() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.stop(grace_s=SOON_S)
    assert process.log_tail() == "ready\nbye"


def test_a_capped_log_keeps_its_end_and_receives_further_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    process = start("head -c 300000 /dev/zero | tr '\\0' 'x'; echo; echo before; read -r _ < go; echo after", tmp_path)
    deadline = time.monotonic() + SOON_S
    while "before" not in process.log_tail(1) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.cap_log(limit_bytes=100_000)
    assert process.log.stat().st_size < 100_000
    (tmp_path / "go").write_text("\n")
    assert process.wait_ended(SOON_S) == 0
    assert process.log_tail(2) == "before\nafter"
    process.kill()


def test_the_guards_pipe_may_have_a_descriptor_of_two_digits(tmp_path: Path) -> None:
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(30)]
    try:
        assert run_guarded(["/bin/echo", "hello"], env={}, cwd=tmp_path, timeout_s=SOON_S).output == "hello"
    finally:
        for descriptor in held:
            os.close(descriptor)


def test_a_hanging_command_is_killed_at_its_deadline_with_its_last_output(tmp_path: Path) -> None:
    with pytest.raises(WaitTimeoutError, match="still thinking"):
        run_guarded(["/bin/bash", "-c", "echo still thinking; sleep 60"], env={}, cwd=tmp_path, timeout_s=2)


def test_a_missing_program_is_exit_code_127_without_a_traceback(tmp_path: Path) -> None:
    done = run_guarded(["/no/such/program"], env=clean_environment(), cwd=tmp_path, timeout_s=SOON_S)
    assert (done.returncode, "No such file" in done.output or "not found" in done.output) == (127, True)


ECHO = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "die": sys.exit(3)
    if request["op"] == "hang": import time; time.sleep(60)
    ok = request["op"] == "echo"
    body = {"result": {"text": request.get("text")}} if ok else {"error": {"kind": "plan", "message": "no"}}
    print(json.dumps({"id": request["id"], "ok": ok, **body}), flush=True)
"""


@pytest.fixture
def responder(tmp_path: Path):
    made = Responder(
        [sys.executable, "-c", ECHO], name="echo", log=tmp_path / "log", env=clean_environment(), cwd=tmp_path
    )
    made.wait_ready(SOON_S)
    yield made
    made.kill()


def test_a_responder_answers_and_refuses(responder: Responder) -> None:
    text = "x" * 300_000
    assert responder.request("echo", timeout_s=SOON_S, text=text) == {"text": text}
    with pytest.raises(RefusedError) as caught:
        responder.request("other", timeout_s=SOON_S)
    assert (caught.value.kind, caught.value.message) == ("plan", "no")


def test_each_of_several_threads_gets_the_reply_to_its_own_request(responder: Responder) -> None:
    texts = [str(number) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda text: responder.request("echo", timeout_s=SOON_S, text=text), texts)
        assert [reply["text"] for reply in replies] == texts


def test_a_responder_that_died_is_not_usable(responder: Responder) -> None:
    with pytest.raises(HostError, match="exit code 3"):
        responder.request("die", timeout_s=SOON_S)
    assert not responder.usable
    with pytest.raises(HostError, match="FA409: echo has been ended"):
        responder.request("echo", timeout_s=SOON_S)


def test_a_responder_that_hangs_is_killed(responder: Responder) -> None:
    with pytest.raises(WaitTimeoutError):
        responder.request("hang", timeout_s=0.3)
    assert not responder.usable


def test_an_interruption_by_a_signal_kills_the_responder(responder: Responder) -> None:
    """As with pytest-timeout: an exception from a signal handler in the middle of a request."""

    def interrupt(number: int, frame: object) -> None:
        pytest.fail("Timeout >0.2s")

    def ask() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        responder.request("hang", timeout_s=SOON_S)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(pytest.fail.Exception, match="Timeout"):
            ask()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not responder.usable
    assert responder.process.returncode() is not None


@contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Lease ports from the directory that all sessions share, so that none takes them during the test."""
    with ExitStack() as leases:
        held = [ports.lease_port(cache_root() / "ports") for _ in range(count)]
        for lease in held:
            leases.callback(lease.release)
        yield [lease.port for lease in held]


def test_a_port_that_is_bound_or_leased_is_skipped(tmp_path: Path) -> None:
    """If none is left, the error is FA403."""
    with socket.socket() as foreign, reserved_ports(1) as (free,):
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        taken = foreign.getsockname()[1]
        lease = ports.lease_port(tmp_path, [taken, free])
        assert lease.port == free
        with pytest.raises(HostError, match="FA403"):
            ports.lease_port(tmp_path, [taken, free])
        lease.release()
        again = ports.lease_port(tmp_path, [free])
        assert again.port == free
        again.release()


def test_a_port_that_a_firewall_redirects_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be bound, but a client that connects waits or reaches another server."""
    with reserved_ports(2) as (redirected, free):
        connect = socket.create_connection

        def as_the_firewall(address: tuple[str, int], timeout: float) -> socket.socket:
            if address[1] == redirected:
                raise TimeoutError
            return connect(address, timeout)

        monkeypatch.setattr(socket, "create_connection", as_the_firewall)
        assert ports.lease_port(tmp_path, [redirected, free]).port == free
