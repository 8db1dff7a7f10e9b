"""Algorithms that pair expectations with outputs, both given by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Fits = Callable[[int, int], bool]

# Bounds the memory of a search that is long only with many similar expectations without a key.
_SEARCH_CELLS = 2_000_000


class TooManyWaysError(Exception):
    """Trying all pairings would take too long."""


def largest_pairing(lefts: int, rights: int, fits: Fits) -> dict[int, int]:
    """Return a largest matching of a bipartite graph, left to right.

    Augmenting paths are found by breadth-first search and not by recursion, because equal outputs
    make long paths. ``fits(left, right)`` is called only when needed.
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
    """Extend the matching by ``start`` along an augmenting path.

    Change nothing if there is none.
    """
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
    """Reassign every pair on the augmenting path that ends at ``free``."""
    right: int | None = free
    while right is not None:
        left = reached_from[right]
        given_up = taken.get(left)
        taken[left], owner[right] = right, left
        right = given_up


def keeps_order(lefts: int, queues: Sequence[Sequence[int]], fits: Fits) -> bool:
    """Return whether the left ones in order can empty all queues.

    Each takes the head of some queue that fits it. A depth-first search over the numbers of items
    taken from each queue. Raises :class:`TooManyWaysError`.
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
                "there are too many ways to pair outputs with expectations without a fixed key; write their keys"
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
