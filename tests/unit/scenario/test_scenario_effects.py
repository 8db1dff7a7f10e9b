"""The section ``effects``: its mistakes, and the routes for the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from flink_testbed.ledger.routes import Fault, Reply, Route, routes_as_data, routes_from_data
from pytest_flink_agents.scenario.effects import Effect, read_effects

Problems: TypeAlias = Callable[[str], list[Problem]]

MISTAKES = [
    ("{name: Pay, route: POST /x}", ("9:18", "FA203")),
    ("{name: pay, route: FETCH /x}", ("9:30", "FA203")),
    ("{name: pay, route: post /x}", ("9:30", "FA203")),
    ("{name: pay, route: POST x}", ("9:30", "FA203")),
    ("{name: pay, route: 'POST /x/{a}/{a}'}", ("9:30", "FA203")),
    ("{name: pay, route: 'POST /x/{A}'}", ("9:30", "FA203")),
    ("{name: pay}", ("9:11", "FA204")),
    ("{name: pay, rout: POST /x}", ("9:23", "FA202")),
    ("{name: pay, route: POST /x, reply: {status: 99}}", ("9:55", "FA203")),
    ("{name: pay, route: POST /x, reply: {text: a, json: b}}", ("9:46", "FA203")),
    ("{name: pay, route: POST /x, reply: {headers: {Content-Length: '1'}}}", ("9:57", "FA203")),
    ("{name: pay, route: POST /x, reply: {headers: {a b: '1'}}}", ("9:57", "FA203")),
    ('{name: pay, route: POST /x, reply: {headers: {A: "b\\nc"}}}', ("9:60", "FA203")),
    ("{name: pay, route: POST /x, fault: {}}", ("9:46", "FA204")),
    ("{name: pay, route: POST /x, fault: {times: 1}}", ("9:46", "FA204")),
    ("{name: pay, route: POST /x, fault: {reset: maybe}}", ("9:54", "FA203")),
    ("{name: pay, route: POST /x, fault: {reset: after, slow: 1s}}", ("9:46", "FA203")),
    ("{name: pay, route: POST /x, fault: {retry_after: 1s}}", ("9:46", "FA203")),
    ("{name: pay, route: POST /x, reply: {json: 1}, fault: {status: 500}}", ("9:11", "FA203")),
    ("{name: pay, tool: refund money, reply: {text: ok}}", ("9:29", "FA203")),
    ("{name: pay, tool: refund}", ("9:11", "FA204")),
    ("{name: pay, tool: refund, reply: {text: a, json: b}}", ("9:44", "FA203")),
    ("{name: pay, tool: refund, reply: {status: 500}}", ("9:45", "FA202")),
    ("{name: pay, tool: refund, reply: {text: a}, idempotent: true}", ("9:55", "FA202")),
    ("{name: pay, tool: refund, reply: {text: a}, arguments: {order: {type: string}}}", ("9:66", "FA203")),
    ("{name: pay, tool: refund, reply: {text: a}, fault: {times: 1}}", ("9:62", "FA204")),
    ("{name: pay, tool: refund, reply: {text: a}, fault: {error: true, reset: after}}", ("9:62", "FA203")),
    ("{name: pay, tool: refund, reply: {text: '${request.path.id}'}}", ("9:44", "FA210")),
    ("{name: pay, tool: a, reply: {text: a}}, {name: pay, tool: a, reply: {text: b}}", ("9:69", "FA203")),
    ("{name: pay, tool: a, reply: {text: a}}, {name: pay, route: GET /x}", ("9:70", "FA203")),
    ("{name: pay, route: POST /x}, {name: pay, route: POST /x}", ("9:59", "FA203")),
    ("{name: pay, route: 'GET /x/{a}'}, {name: pay, route: 'GET /x/{b}'}", ("9:64", "FA203")),
    ("{name: pay, route: POST /x, reply: {json: '${request.path.id}'}}", ("9:46", "FA210")),
    ("{name: pay, route: POST /x, reply: {json: '${request.body}'}}", ("9:53", "FA210")),
    ("{name: pay, route: POST /x, reply: {json: '${llm.ollama_url}'}}", ("9:53", "FA210")),
]


@pytest.mark.parametrize(("effects", "place"), MISTAKES)
def test_a_mistake_is_reported_at_its_place(
    effects: str, place: tuple[str, str], sound: str, problems: Problems
) -> None:
    (problem,) = problems(f"{sound}effects: [{effects}]\n")
    assert (problem.where.partition(":")[2], problem.code) == place


def test_an_unknown_endpoint_is_named_with_the_nearest(sound: str, problems: Problems) -> None:
    declared = "effects: [{name: payments, route: POST /x}]\n"
    (problem,) = problems(f'{sound}{declared}environment: {{A: "${{effects.payment.url}}"}}\n')
    assert problem.next_step.startswith("did you mean ${effects.payments.url}?")
    (problem,) = problems(f'{sound}environment: {{A: "${{effects.payment.url}}"}}\n')
    assert problem.next_step == "declare the endpoint under effects: {name, route, reply}"


def test_a_route_that_is_declared_twice_names_the_first(sound: str, problems: Problems) -> None:
    (problem,) = problems(f"{sound}effects: [{{name: a, route: POST /x}}, {{name: a, route: POST /x}}]\n")
    assert problem.message == "a route declared twice: effects[1].route"
    assert problem.expected == "once: it is that of effects[0] already"


def test_an_entry_becomes_a_route() -> None:
    effect = Effect.model_validate(
        {
            "name": "payments",
            "route": "PUT /refunds/{id}",
            "reply": {"status": 202, "json": {"id": "${request.path.id}"}, "headers": {"A": "b"}},
            "fault": {"delay": "500ms", "status": 429, "retry_after": "2s", "times": 2},
            "idempotent": True,
        }
    )
    reply = Reply(202, {"id": "${request.path.id}"}, None, {"A": "b"})
    fault = Fault(delay_s=0.5, status=429, retry_after_s=2.0, times=2)
    assert effect.as_route() == Route("payments", "PUT", "/refunds/{id}", reply, fault, idempotent=True)


def test_an_entry_of_a_tool_becomes_a_route() -> None:
    schema = {"type": "object", "properties": {"order": {"type": "string"}}}
    entry = {
        "name": "orders",
        "tool": "where_is",
        "description": "Say where an order is.",
        "arguments": schema,
        "reply": {"text": "on its way"},
        "fault": {"error": True, "times": 1},
    }
    (route,) = read_effects([entry])
    fault = Fault(status=500, times=1)
    assert route == Route(
        "orders",
        "tool",
        "where_is",
        Reply(text="on its way"),
        fault,
        description="Say where an order is.",
        arguments=schema,
    )
    assert routes_from_data(routes_as_data([route])) == (route,)


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([{"name": "a", "route": "POST x"}], r"wrong value for route: expected a method and a path, .* seen 'POST x'"),
        ([{"name": "a"}], "wrong value for route: expected Field required"),
        ([{"name": "a", "route": "GET /x"}] * 2, "a route declared twice"),
    ],
)
def test_plain_entries_of_a_python_test_are_checked(entries: list[dict[str, str]], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        read_effects(entries)
    assert read_effects([{"name": "a", "route": "GET /x"}]) == (Route("a", "GET", "/x"),)
