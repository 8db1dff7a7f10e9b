"""Routes: which of them takes a call, and their way to the ledger's process."""

from __future__ import annotations

import json

import pytest

from flink_testbed.ledger.routes import Fault, Reply, Route, find_route, routes_as_data, routes_from_data
from flink_testbed.ledger.template import RequestParts, fill

ROUTES = (
    Route("payments", "GET", "/refunds/{id}"),
    Route("payments", "GET", "/refunds/last"),
    Route("payments", "POST", "/refunds"),
    Route("mails", "POST", "/refunds"),
    Route("payments", "GET", "/a.b/{x}/{y}"),
)


@pytest.mark.parametrize(
    ("endpoint", "method", "path", "found"),
    [
        ("payments", "GET", "/refunds/7", (0, {"id": "7"})),
        ("payments", "GET", "/refunds/last", (1, {})),
        ("payments", "POST", "/refunds", (2, {})),
        ("mails", "POST", "/refunds", (3, {})),
        ("payments", "GET", "/a.b/1/2", (4, {"x": "1", "y": "2"})),
        ("payments", "GET", "/aXb/1/2", None),
        ("payments", "GET", "/refunds/7/8", None),
        ("payments", "GET", "/refunds/", None),
        ("payments", "PUT", "/refunds/7", None),
        ("mails", "GET", "/refunds/7", None),
        ("payments", "POST", "/refunds\n", None),
    ],
)
def test_a_call_takes_the_route_of_its_endpoint_method_and_path(
    endpoint: str, method: str, path: str, found: tuple[int, dict[str, str]] | None
) -> None:
    expected = (ROUTES[found[0]], found[1]) if found else None
    assert find_route(ROUTES, endpoint, method, path) == expected


def test_routes_travel_as_json() -> None:
    routes = (
        *ROUTES,
        Route("a", "PUT", "/x", Reply(201, text="t", headers={"A": "b"}), Fault(delay_s=1, reset="after"), True),
    )
    assert routes_from_data(json.loads(json.dumps(routes_as_data(routes)))) == routes


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("${request.json.a.1}", 2),
        ("${request.json.a}", [1, 2]),
        ("${request.json}", {"a": [1, 2], "b": "x"}),
        ("${request.json.a.2}", None),
        ("${request.json.a.b.c}", None),
        ("<${request.json.b}${request.json.c}>", "<x>"),
        ("a: ${request.json.a}", "a: [1, 2]"),
        ("${request.path.id}-${request.sequence}", "7-3"),
        ("${request.nothing}", None),
        ("$${request.sequence}", "${request.sequence}"),
        ("$${", "${"),
        (["${request.sequence}", {"n": "${request.sequence}"}, 5, None], [3, {"n": 3}, 5, None]),
    ],
)
def test_a_reply_is_filled_with_parts_of_the_request(value: object, filled: object) -> None:
    parts = RequestParts(3, {"id": "7"}, {}, {"a": [1, 2], "b": "x"})
    assert fill(value, parts) == filled
