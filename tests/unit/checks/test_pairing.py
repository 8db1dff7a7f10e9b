"""Pairing: as many as possible, and orders that hold."""

from __future__ import annotations

import pytest

from pytest_flink_agents.checks import pairing
from pytest_flink_agents.checks.pairing import TooManyWaysError, keeps_order, largest_pairing


def test_a_loose_one_gives_way_to_a_strict_one() -> None:
    """The first takes either, the second only 0: both find a partner."""
    allowed = {(0, 0), (0, 1), (1, 0)}
    assert largest_pairing(2, 2, lambda left, right: (left, right) in allowed) == {0: 1, 1: 0}


def test_giving_way_passes_through_a_chain() -> None:
    """Everybody takes its own or the next, and the last only the first: all move up by one."""

    def fits(left: int, right: int) -> bool:
        return right == 0 if left == 9 else right in (left, left + 1)

    assert largest_pairing(10, 10, fits) == {left: left + 1 for left in range(9)} | {9: 0}


def test_what_has_no_partner_takes_none_away() -> None:
    """One that fits nothing stays alone, and the others keep theirs."""
    assert largest_pairing(3, 2, lambda left, right: left != 1 and right == (0 if left == 0 else 1)) == {0: 0, 2: 1}


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    """Giving way along 1,500 partners works: it is no recursion."""
    count = 1500

    def fits(left: int, right: int) -> bool:
        return right == 0 if left == count - 1 else right in (left, left + 1)

    assert len(largest_pairing(count, count, fits)) == count


def test_order_holds_where_some_choice_keeps_it() -> None:
    """The first may begin either queue; only the second queue lets the rest follow."""
    allowed = {(0, 0), (0, 2), (1, 0), (2, 1)}
    assert keeps_order(3, [[0, 1], [2]], lambda left, right: (left, right) in allowed)


def test_order_fails_where_no_choice_keeps_it() -> None:
    """The only output that fits the first comes second in its queue."""
    assert not keeps_order(2, [[0, 1]], lambda left, right: left != right)


def test_order_fails_where_a_queue_is_left_over() -> None:
    """Every output must be taken."""
    assert not keeps_order(1, [[0], [1]], lambda left, right: True)


def test_too_many_ways_is_an_error_not_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that would take too long says so, so that the judge answers unknown."""
    monkeypatch.setattr(pairing, "_SEARCH_CELLS", 50)
    with pytest.raises(TooManyWaysError, match="write their keys"):
        keeps_order(20, [[0], [1], [2], [3]], lambda left, right: left < 3)
