"""For how long a disturbed network holds data back."""

from __future__ import annotations

import math
import random

import pytest

from flink_testbed.network import BOTH, Cut, Delay, Direction, Loss

CHANCE = random.Random(1)


def test_a_cut_holds_data_back_until_it_ends_and_a_delay_for_its_time() -> None:
    assert math.isinf(Cut().held_s(CHANCE))
    assert Delay(seconds=0.3).held_s(CHANCE) == 0.3


def test_a_disturbance_is_of_both_directions_unless_one_is_named() -> None:
    assert Cut().directions == BOTH == {Direction.REQUESTS, Direction.ANSWERS}
    assert Cut(frozenset({Direction.ANSWERS})).directions == {Direction.ANSWERS}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_share_of_the_pieces_is_lost_and_comes_after_each_retry_of_tcp(share: float) -> None:
    chance = random.Random(7)
    held = [Loss(share=share).held_s(chance) for _ in range(5000)]
    assert sum(map(bool, held)) / len(held) == pytest.approx(share, abs=0.02)
    # 0.2 s until the first retry, then twice as long each time.
    times = [0.2 * (2**retries - 1) for retries in range(9)]
    assert all(min(abs(one - time) for time in times) < 1e-9 for one in held)
    assert max(held) <= times[-1] + 1e-9
