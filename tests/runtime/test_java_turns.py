"""Java's turn to create resources, without a JVM."""

import threading
import time

import pytest

from flink_agents_runtime.java.errors import JavaTimeoutError
from flink_agents_runtime.java.resources import JavaAdapter


def test_java_waits_for_its_turn_until_the_deadline_of_its_call_and_not_longer():
    began_s, lock = time.monotonic(), threading.RLock()

    def create(_operation, _arguments, _what, answers):
        answers("create", [], began_s + 0.2)

    def busy():
        with lock:
            taken.set()
            released.wait(30)

    taken, released = threading.Event(), threading.Event()
    other = threading.Thread(target=busy)
    other.start()
    assert taken.wait(60)
    try:
        with pytest.raises(JavaTimeoutError, match="it waited for another thread that creates resources"):
            JavaAdapter(create, {}, None, lock).call("open", "chat_model", "x")
        assert time.monotonic() - began_s < 25
    finally:
        released.set()
        other.join()
    JavaAdapter(create, {}, None, lock).call("open", "chat_model", "x")
    assert lock.acquire(blocking=False)
