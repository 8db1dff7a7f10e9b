"""Labels that name the owner of a container."""

from __future__ import annotations

from flink_testbed.ownership.container_owner import OWNER, PROCESS, RUN, owner_of_labels, this_owner
from flink_testbed.ownership.owner import this_process


def test_labels_name_the_run_and_the_process() -> None:
    owner = this_owner("a-run")
    labels = owner.labels()
    assert (labels[RUN], labels[OWNER]) == ("a-run", owner.token)
    assert owner_of_labels(labels) == this_process()
    assert owner.token in owner.name_of("jobmanager")
    assert this_owner("a-run").token != owner.token


def test_incomplete_or_invalid_labels_name_no_owner() -> None:
    labels = this_owner("a-run").labels()
    assert owner_of_labels({}) is None
    assert owner_of_labels({PROCESS: labels[PROCESS]}) is None
    assert owner_of_labels({OWNER: labels[OWNER]}) is None
    assert owner_of_labels(labels | {PROCESS: "[]"}) is None
    assert owner_of_labels(labels | {PROCESS: "one"}) is None
