"""This repository's own test run: pytester for the plugin's tests, and a check that no test leaves a process behind."""

import os

import psutil
import pytest

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests that repeat themselves go on: 1 is what CI does."""
    parser.addoption("--soak", type=int, default=1, metavar="N", help="repeat what is left to chance N times as often")


def _guards() -> set[int]:
    """Process ids of our guards that belong to this session: each is the parent of something we started."""
    me = psutil.Process(os.getpid())
    return {child.pid for child in me.children() if any(part.endswith("guard.py") for part in _command(child))}


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session):
    """After everything was ended, no guard of ours is alive: a leak fails the run."""
    yield
    left = _guards()
    if left:
        session.config.get_terminal_writer().line(f"processes left behind: {left}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
