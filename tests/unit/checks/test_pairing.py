"""Pairing of expectations with outputs."""

from __future__ import annotations

import pytest

from pytest_flink_agents.checks import pairing
from pytest_flink_agents.checks.pairing import TooManyWaysError, keeps_order, largest_pairing


def test_a_flexible_left_yields_to_a_strict_one() -> None:
    allowed = {(0, 0), (0, 1), (1, 0)}
    assert largest_pairing(2, 2, lambda left, right: (left, right) in allowed) == {0: 1, 1: 0}


def test_an_augmenting_path_reassigns_every_pair_on_it() -> None:

    def fits(left: int, right: int) -> bool:
        return right == 0 if left == 9 else right in (left, left + 1)

    assert largest_pairing(10, 10, fits) == {left: left + 1 for left in range(9)} | {9: 0}


def test_an_unmatched_left_takes_no_partner() -> None:
    assert largest_pairing(3, 2, lambda left, right: left != 1 and right == (0 if left == 0 else 1)) == {0: 0, 2: 1}


def test_a_long_augmenting_path_does_not_exhaust_the_stack() -> None:
    count = 1500

    def fits(left: int, right: int) -> bool:
        return right == 0 if left == count - 1 else right in (left, left + 1)

    assert len(largest_pairing(count, count, fits)) == count


def test_order_holds_if_some_choice_keeps_it() -> None:
    allowed = {(0, 0), (0, 2), (1, 0), (2, 1)}
    assert keeps_order(3, [[0, 1], [2]], lambda left, right: (left, right) in allowed)


def test_order_fails_if_no_choice_keeps_it() -> None:
    assert not keeps_order(2, [[0, 1]], lambda left, right: left != right)


def test_order_fails_if_a_queue_is_not_emptied() -> None:
    assert not keeps_order(1, [[0], [1]], lambda left, right: True)


def test_too_many_pairings_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "_SEARCH_CELLS", 50)
    with pytest.raises(TooManyWaysError, match="write their keys"):
        keeps_order(20, [[0], [1], [2], [3]], lambda left, right: left < 3)
