"""Ways to pair expectations with outputs. Numbers in, numbers out; imports nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Fits = Callable[[int, int], bool]

# Bounds the memory of a search that only a scenario with many keyless look-alikes can make long.
_SEARCH_CELLS = 2_000_000


class TooManyWaysError(Exception):
    """Looking through all ways would take too long: nothing can be said."""


def largest_pairing(lefts: int, rights: int, fits: Fits) -> dict[int, int]:
    """Left -> right, as many as possible, each at most once; ``fits(left, right)`` is asked only when needed.

    Whatever is loose gives way to what is strict. Without recursion: equal outputs make long chains of giving way.
    """
    taken: dict[int, int] = {}
    owner: dict[int, int] = {}
    waiting: list[int] = []
    for left in range(lefts):
        free = next((right for right in range(rights) if right not in owner and fits(left, right)), None)
        if free is None:
            waiting.append(left)
        else:
            taken[left], owner[free] = free, left
    for left in waiting:
        _make_room(left, rights, fits, taken, owner)
    return taken


def _make_room(start: int, rights: int, fits: Fits, taken: dict[int, int], owner: dict[int, int]) -> None:
    """Find a partner for ``start`` by moving others, breadth first; nothing changes where there is none."""
    reached_from: dict[int, int] = {}
    ahead = [start]
    for left in ahead:
        for right in range(rights):
            if right in reached_from or not fits(left, right):
                continue
            reached_from[right] = left
            if right not in owner:
                _move(right, reached_from, taken, owner)
                return
            ahead.append(owner[right])


def _move(free: int, reached_from: dict[int, int], taken: dict[int, int], owner: dict[int, int]) -> None:
    """Walk the path back from the free one: each on it takes the next and gives up its own."""
    right: int | None = free
    while right is not None:
        left = reached_from[right]
        given_up = taken.get(left)
        taken[left], owner[right] = right, left
        right = given_up


def keeps_order(lefts: int, queues: Sequence[Sequence[int]], fits: Fits) -> bool:
    """Whether the left ones, in their order, can each take the first one left in some queue, until all queues are empty.

    Raises :class:`TooManyWaysError`.
    """
    ahead = [(0, (0,) * len(queues))]
    visited: set[tuple[int, tuple[int, ...]]] = set()
    while ahead:
        state = ahead.pop()
        if state in visited:
            continue
        visited.add(state)
        if len(visited) * len(queues) > _SEARCH_CELLS:
            raise TooManyWaysError(
                "too many ways to give outputs to expectations without a fixed key: write their keys"
            )
        left, used = state
        if left == lefts:
            if all(count == len(queue) for count, queue in zip(used, queues, strict=True)):
                return True
            continue
        ahead.extend(
            (left + 1, (*used[:slot], used[slot] + 1, *used[slot + 1 :]))
            for slot, queue in enumerate(queues)
            if used[slot] < len(queue) and fits(left, queue[used[slot]])
        )
    return False
