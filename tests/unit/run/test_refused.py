"""The errors for an agent that cannot be built."""

from __future__ import annotations

import pytest

from flink_testbed.core.problem import HarnessError, JobError, ProblemError
from flink_testbed.responder import RefusedError
from pytest_flink_agents.run.launch import refused


@pytest.mark.parametrize(("kind", "fault", "code"), [("plan", JobError, "FA220"), ("internal", HarnessError, "FA501")])
def test_an_error_inside_the_worker_is_not_the_fault_of_the_job(
    kind: str, fault: type[ProblemError], code: str
) -> None:
    error = refused(RefusedError({"kind": kind, "message": "no", "traceback": "at x"}))
    assert isinstance(error, fault)
    assert [(problem.code, problem.message) for problem in error.problems] == [(code, "no")]
    assert ("at x" in str(error)) is (fault is HarnessError)
