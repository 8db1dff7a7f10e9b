"""What a child process sees of the caller's environment."""

from __future__ import annotations

import pytest

from flink_testbed.ownership.process import clean_environment


def test_a_child_sees_no_secret_and_calls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's variables stay out, what a program needs is there, and libraries' telemetry is off."""
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("MEM0_TELEMETRY", "True")
    environment = clean_environment(PYTHONPATH="/here")
    assert "SECRET_TOKEN" not in environment
    assert (environment["PATH"], environment["PYTHONPATH"]) == ("/bin", "/here")
    assert (environment["ANONYMIZED_TELEMETRY"], environment["MEM0_TELEMETRY"]) == ("False", "False")


def test_what_is_given_wins() -> None:
    """A program that is to be watched at it may have its telemetry."""
    assert clean_environment(MEM0_TELEMETRY="True")["MEM0_TELEMETRY"] == "True"
