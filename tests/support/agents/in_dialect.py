"""Agents of the fault scenarios, in the dialect of the installed flink-agents: 0.1 has another one than 0.3."""

try:
    from tests.support.agents.napping import PacedTill
    from tests.support.agents.paying import Paying
except ModuleNotFoundError:  # flink-agents 0.1
    from tests.support.agents.typed_events import PacedTill, Paying  # type: ignore[assignment]

__all__ = ["PacedTill", "Paying"]
