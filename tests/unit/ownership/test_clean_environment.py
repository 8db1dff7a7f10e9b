"""Variables that a child process gets."""

from __future__ import annotations

import pytest

from flink_testbed.ownership.process import clean_environment


def test_a_child_gets_no_secrets_and_telemetry_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("MEM0_TELEMETRY", "True")
    environment = clean_environment(PYTHONPATH="/here")
    assert "SECRET_TOKEN" not in environment
    assert (environment["PATH"], environment["PYTHONPATH"]) == ("/bin", "/here")
    assert (environment["ANONYMIZED_TELEMETRY"], environment["MEM0_TELEMETRY"]) == ("False", "False")


def test_given_variables_take_precedence() -> None:
    assert clean_environment(MEM0_TELEMETRY="True")["MEM0_TELEMETRY"] == "True"
