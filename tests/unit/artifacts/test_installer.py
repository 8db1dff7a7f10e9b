"""Errors of uv, read from real outputs."""

from __future__ import annotations

import pytest

from flink_testbed.artifacts.installer import install_error

# The lines are as long as uv prints them.
# ruff: noqa: E501
_CONFLICT = """\
Using Python 3.11.7 environment at: venv
error: No solution found when resolving dependencies
  cause: Because flink-agents>=0.3.1 depends on pydantic==2.11.4 and you require flink-agents==0.3.1, we can conclude that you require pydantic==2.11.4.
         And because you require pydantic==1.10, we can conclude that your requirements are unsatisfiable.
"""
_REFUSED = """\
error: Request failed after 3 retries in 6.7s
  cause: Failed to fetch: http://user:token@127.0.0.1:9/simple/apache-flink/
  cause: error sending request for url (http://user:token@127.0.0.1:9/simple/apache-flink/)
  cause: tcp connect error
"""
_OFFLINE = """\
error: No solution found when resolving dependencies
  cause: Because apache-flink was not found in the cache and you require apache-flink==2.2.1, we can conclude that your requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages may only be read from the cache.
"""


def test_both_conflicting_requirements_are_named() -> None:
    (problem,) = install_error("things", _CONFLICT).problems
    assert problem.code == "FA413"
    assert "pydantic==2.11.4" in problem.seen
    assert "pydantic==1.10" in problem.seen


@pytest.mark.parametrize("output", [_REFUSED, _OFFLINE])
def test_an_unreachable_registry_is_reported_with_the_package(output: str) -> None:
    (problem,) = install_error("things", output).problems
    assert problem.code == "FA414"
    assert "apache-flink" in problem.seen
    assert "UV_DEFAULT_INDEX" in problem.next_step


def test_urls_are_not_shown_in_errors() -> None:
    """The address of a registry may contain a token."""
    assert "token" not in str(install_error("x --index-url=https://token@example.org/simple", _REFUSED))


def test_any_other_failure_shows_the_end_of_the_output() -> None:
    (problem,) = install_error("things", "error: Failed to build `x`\n  cause: exit status: 1\n").problems
    assert problem.code == "FA415"
    assert "Failed to build `x`" in problem.detail
