"""The project at a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.provision.checkout import Checkout


@pytest.mark.parametrize(
    ("line", "at_commit"),
    [
        ("/shop/libs/prices", "/cache/files/libs/prices"),
        ("/shop/libs/prices[extra] ; python_version > '3'", "/cache/files/libs/prices[extra] ; python_version > '3'"),
        ("-e /shop/libs/prices", "-e /cache/files/libs/prices"),
        ("-r /shop/job requirements.txt", "-r /cache/files/job requirements.txt"),
        ("/shop", "/cache/files"),
        ("/shop[extra]", "/cache/files[extra]"),
        ("/shop; python_version > '3'", "/cache/files; python_version > '3'"),
        ("prices @ file:///shop/libs/my%20prices", "prices @ file:///cache/files/libs/my%20prices"),
        ("file:///shop/libs/prices[extra]", "file:///cache/files/libs/prices[extra]"),
        ("--find-links=/shop/wheels", "--find-links=/cache/files/wheels"),
        ("/shopping/libs", "/shopping/libs"),
        ("-r /elsewhere/job.txt", "-r /elsewhere/job.txt"),
        ("pandas==2.2.3", "pandas==2.2.3"),
    ],
)
def test_a_requirement_inside_the_project_is_that_of_the_commit(line: str, at_commit: str) -> None:
    checkout = Checkout(Path("/cache/files"), "v1", "c" * 40)
    assert checkout.requirement(line, Path("/shop")) == at_commit
