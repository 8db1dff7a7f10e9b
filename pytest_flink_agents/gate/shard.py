"""The part of all items that a session runs. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of all items: ``index`` of ``count``, from 1.

    ``items`` is the number of items of all shards together, and ``digest`` that of their node ids.
    """

    index: int
    count: int
    items: int
    digest: str

    @classmethod
    def of(cls, node_ids: Iterable[str], index: int, count: int) -> Shard:
        """Return a shard of these items, whose order does not matter."""
        ids = sorted(set(node_ids))
        digest = hashlib.sha256("\0".join(ids).encode("utf-8", "surrogatepass")).hexdigest()
        return cls(index, count, len(ids), f"sha256:{digest}")

    def has(self, node_id: str) -> bool:
        """Return whether an item belongs to the shard, by the digest of its node id.

        So it stays in its shard when other items come or go, and on every machine.
        """
        digest = hashlib.sha256(node_id.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index} of {self.count}"
