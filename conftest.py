"""pytester for the plugin's tests, and the option that repeats random tests."""

import pytest

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--soak``; 1 is what CI does."""
    parser.addoption("--soak", type=int, default=1, metavar="N", help="repeat what is left to chance N times as often")
