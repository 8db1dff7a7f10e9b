"""The conditions under which a session is judged."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_flink_agents.settings import Tier


@dataclass(frozen=True, slots=True)
class Policy:
    """The requirements of a verdict. Each of ``tiers`` must have run at least one scenario."""

    profile: str = "default"
    tiers: tuple[Tier, ...] = ()
