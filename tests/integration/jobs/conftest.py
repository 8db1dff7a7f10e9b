"""The client of jobs that end with a savepoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flink_testbed.responder import Responder
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.support.endless_job import endless_jobs


@pytest.fixture(scope="session")
def jobs(session_environment: TestEnvironment) -> Iterator[Responder]:
    """The process that submits jobs."""
    with endless_jobs(session_environment) as process:
        yield process
