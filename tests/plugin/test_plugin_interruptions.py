"""Scenarios that something interrupts from outside, as pytest-timeout does with its signal method."""

from __future__ import annotations

from plugin_project import Project, scenario

# pytest-timeout in ten lines: an exception out of a signal handler, while the item runs.
TIME_LIMIT = """
import signal
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    def interrupt(number, frame):
        pytest.fail("Timeout >2s")
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 2 if "slow" in item.name else 0)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
"""


def test_the_scenarios_after_an_interrupted_one_are_judged_by_their_own_results(project: Project):
    project.write("conftest.py", TIME_LIMIT)
    # The local worker is warm before the limit counts: it must expire while the agent runs.
    project.scenarios(
        "x",
        scenario("warm"),
        scenario("slow", agent="shop:Sleeper"),
        scenario("right"),
        scenario("wrong", said="bye"),
    )
    result = project.run("-v")
    result.stdout.re_match_lines_random([r".*::warm.* PASSED", r".*::slow.* FAILED", r".*::right.* PASSED"])
    result.stdout.re_match_lines_random([r".*::wrong.* FAILED", r".*Timeout >2s.*"])
    result.assert_outcomes(passed=2, failed=2)
