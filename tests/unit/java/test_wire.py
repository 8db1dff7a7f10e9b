"""Values between Python and Java, as far as no JVM is needed: ``tests/bundled_java`` sends them through one."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest

from flink_agents_runtime.java.wire import ApiObject, BorderError, of_bytes, request_bytes, to_bytes

VALUES = [
    *(None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**30),
    *(0.0, 1.5, math.inf, "", "é\U0001f600", b"", b"\x00\xff", Decimal("1.10"), Decimal("-1E+3")),
    *(date(1, 1, 1), time(1, 2, 3, 4), datetime(2024, 2, 29, 1, 2), datetime(9999, 12, 31, 23, 59, 59, 999999)),
    *(datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-3)))),
    *(timedelta(), timedelta(days=-1, microseconds=5), timedelta(days=999_999_999)),
    *([], {}, [[1, [None]], {"a": {"b": [b"x"]}}], {"": {"ä": Decimal(1)}}, ApiObject("tool", {"name": "x"})),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_the_same_after_its_way(value: Any) -> None:
    returned = of_bytes(to_bytes(value))
    assert returned == value
    assert type(returned) is type(value)


def test_not_a_number_stays_one() -> None:
    assert math.isnan(of_bytes(to_bytes(math.nan)))


def test_tuples_are_lists_and_subclasses_their_base() -> None:
    class Color(IntEnum):
        RED = 1

    class Name(str):
        __slots__ = ()

    assert of_bytes(to_bytes({"a": (1, Color.RED), "b": Name("x")})) == {"a": [1, 1], "b": "x"}


REFUSED = {
    "an object": ({"a": [1, object()]}, r"\$\.a\[1\] is of type object, which has no form in Java"),
    "a set": ([{1}], r"\$\[0\] is of type set"),
    "a complex number": (1j, r"\$ is of type complex"),
    "another key": ({"a": {1: 2}}, r"the dict at \$\.a has the key 1, which is no str"),
    "not a Decimal of Java": (Decimal("NaN"), r"\$ is NaN, which BigDecimal does not have"),
    "a time with a zone": (time(1, tzinfo=timezone.utc), r"\$ is a time with a zone"),
    "half a character": (["\ud800"], r"\$\[0\] has half of a surrogate pair"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_java_does_not_have_is_refused_with_its_path(case: str) -> None:
    value, words = REFUSED[case]
    with pytest.raises(BorderError, match=words):
        to_bytes(value)


def test_paths_begin_anew_in_each_argument_of_a_call() -> None:
    with pytest.raises(BorderError, match=r"the value at \$\.amount is of type object"):
        request_bytes("tool", ["shop.Prices", "withTax", [], {"amount": object()}])
    assert of_bytes(request_bytes("check", ["a", [1]])) == ["check", ["a", [1]]]


def test_a_time_of_java_in_utc_is_aware() -> None:
    assert of_bytes(b"z\x00\x00\x00\x112024-01-01T10:00Z") == datetime(2024, 1, 1, 10, tzinfo=timezone.utc)


def test_a_value_that_was_cut_off_is_no_shorter_value() -> None:
    with pytest.raises(ValueError, match="cut off"):
        of_bytes(to_bytes("approved: no")[:-4])
