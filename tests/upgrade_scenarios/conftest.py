"""Fixtures for upgrades that need more than the words of a scenario."""

from tests.integration.conftest import session_environment

__all__ = ["session_environment"]
