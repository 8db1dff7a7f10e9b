"""Whose a container is."""

from __future__ import annotations

from flink_testbed.ownership.container_owner import OWNER, PROCESS, RUN, owner_of_labels, this_owner
from flink_testbed.ownership.owner import this_process


def test_labels_name_the_run_and_the_process() -> None:
    """What a sweep needs, and the token by which the guard finds what is the owner's; no two owners share one."""
    owner = this_owner("a-run")
    labels = owner.labels()
    assert (labels[RUN], labels[OWNER]) == ("a-run", owner.token)
    assert owner_of_labels(labels) == this_process()
    assert owner.token in owner.name_of("jobmanager")
    assert this_owner("a-run").token != owner.token


def test_what_is_not_ours_has_no_owner() -> None:
    """No label of ours, only some of them, or one that cannot be read: nobody whose death could be proven."""
    labels = this_owner("a-run").labels()
    assert owner_of_labels({}) is None
    assert owner_of_labels({PROCESS: labels[PROCESS]}) is None
    assert owner_of_labels({OWNER: labels[OWNER]}) is None
    assert owner_of_labels(labels | {PROCESS: "[]"}) is None
    assert owner_of_labels(labels | {PROCESS: "one"}) is None
