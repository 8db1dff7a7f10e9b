"""The words of errors about Java parts."""

from __future__ import annotations

from flink_agents_runtime.java.errors import JavaError, NoJavaError, missing_class


def test_a_class_of_flink_agents_that_is_missing_names_three_ways_out() -> None:
    text = str(missing_class("org.apache.flink.agents.api.Event", "the Java action 'pay'"))
    assert "the Java action 'pay' needs flink-agents' class org.apache.flink.agents.api.Event, which no jar has" in text
    for way in ("--flink-agents, --flink-job-python", "java.class-path", "upstream's engine"):
        assert way in text


def test_another_class_is_the_users() -> None:
    text = str(missing_class("shop.Pay", "the Java tool shop.Pay.now"))
    assert "needs the class shop.Pay, which no jar has; correct its name" in text
    assert "three ways" not in text


def test_an_exception_of_java_has_its_class_and_its_message() -> None:
    assert str(JavaError("java.lang.IllegalStateException", "no price")) == "java.lang.IllegalStateException: no price"
    assert str(JavaError("java.lang.NullPointerException", None)) == "java.lang.NullPointerException"


def test_a_process_without_java_says_what_its_plan_needs() -> None:
    error = NoJavaError("action pay, tool stock")
    assert (error.kind, error.message) == ("java", "the agent has parts in Java: action pay, tool stock")
