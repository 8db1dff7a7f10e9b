"""pytester for the plugin's tests, and the option that repeats random tests."""

import pytest

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--kills`` and ``--soak``; their defaults are what CI does."""
    parser.addoption("--kills", type=int, default=8, metavar="N", help="kill N TaskManagers under one job")
    parser.addoption("--soak", type=int, default=1, metavar="N", help="repeat what is left to chance N times as often")
