"""The health of a candidate and of the baseline beside it."""

from __future__ import annotations

from typing import cast

import pytest

from flink_testbed.faults import FaultTarget
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.run import health
from pytest_flink_agents.run.followed_run import FollowedRun
from pytest_flink_agents.run.health import GivenUpError, require_health


class Watch:
    """A job that is in this state, has restarted so often, and failed with this exception, None if Flink has none."""

    job_id = "j"

    def __init__(self, restarts: int = 0, exception: str | None = None, state: str = "RUNNING") -> None:
        self.watch = self.cluster = self
        self.state = state
        self._restarts = restarts
        self._exception = exception

    def look(self) -> None:
        pass

    def history(self) -> dict[str, int]:
        return {"restarts": self._restarts}

    def exception(self, job_id: str) -> str:
        assert self._exception is not None, "Flink is asked for 20 s for an exception that it does not have"
        return self._exception


def health_of(candidate: Watch, monkeypatch: pytest.MonkeyPatch) -> GivenUpError:
    """Return why a candidate is given up beside a baseline that has restarted once."""
    monkeypatch.setattr(health, "JobWatch", lambda cluster, job_id: Watch(1))
    target = FaultTarget(cast(FlinkCluster, None), "j")
    with pytest.raises(GivenUpError) as caught:
        require_health(cast(FollowedRun, candidate), target, 0)
    return caught.value


def test_a_restart_of_the_baseline_says_nothing_about_the_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    found = health_of(Watch(), monkeypatch)
    assert "the job of the baseline restarted" in str(found)
    assert not found.known


LOST = "JobMasterException: TaskManager with id taskmanager-2 is no longer reachable."
DIED = "java.lang.IllegalStateException: Process died with exit code 0"


@pytest.mark.parametrize(
    ("candidate", "reason", "known"),
    [
        (Watch(1, "ValueError: no water"), "its job is running after 1 restart: ValueError: no water", True),
        (Watch(0, "ValueError: no water", "FAILED"), "its job is failed after 0 restarts: ValueError: no water", True),
        (Watch(1, LOST), f"its job is running after 1 restart, without its TaskManager: {LOST}", False),
        (Watch(1, DIED), f"its job is running after 1 restart, without its Python worker: {DIED}", False),
        (
            Watch(1, "ValueError: no water", "RESTARTING"),
            "its job is restarting after 1 restart: ValueError: no water",
            True,
        ),
        # The count of restarts may be late.
        (
            Watch(0, "ValueError: no water", "FAILING"),
            "its job is failing after 0 restarts: ValueError: no water",
            True,
        ),
        (Watch(1, "", "FAILED"), "its job is failed after 1 restart", False),
        (Watch(state="INITIALIZING"), "its job is initializing after 0 restarts", False),
        (Watch(1, state="INITIALIZING"), "its job is initializing after 1 restart", False),
        (Watch(state="FINISHED"), "its job is finished after 0 restarts", False),
    ],
    ids=[
        *("restarts", "fails", "loses its TaskManager", "loses its Python worker", "is restarting", "is failing"),
        *("is not explained", "has a new JobManager", "has a new JobManager after a restart", "ends"),
    ],
)
def test_a_candidate_is_blamed_for_its_own_failures_only(
    candidate: Watch, reason: str, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = health_of(candidate, monkeypatch)
    assert (str(found), found.known) == (reason, known)
