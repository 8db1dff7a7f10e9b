"""The reasons for a verdict.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.vocabulary import Word


class ReasonKind(Word):
    """The effect of a reason on the verdict, the weightiest first.

    A remark has none.
    """

    BLOCK = "block"
    INCONCLUSIVE = "inconclusive"
    REMARK = "remark"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a verdict other than promote, or a remark.

    ``severity`` is the scenario's: block, warn or info.
    """

    kind: ReasonKind
    rule: str
    severity: str
    message: str
    actual: Any = None
    limit: Any = None
    evidence: str = ""
    node_id: str = ""
