"""Fixtures for fault scenarios that need more than the words of a scenario."""

from tests.integration.conftest import run_request, session_environment

__all__ = ["run_request", "session_environment"]
