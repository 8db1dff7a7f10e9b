"""This repository's own test run: pytester for the plugin's tests, and how long what is left to chance goes on."""

import pytest

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests that repeat themselves go on: 1 is what CI does."""
    parser.addoption("--soak", type=int, default=1, metavar="N", help="repeat what is left to chance N times as often")
