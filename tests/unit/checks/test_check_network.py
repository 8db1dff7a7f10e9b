"""The check of blocked connections, and its evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.network import check_network
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.network import read_blocked


def test_a_blocked_connection_is_invalid_and_named() -> None:
    evidence = Evidence("local", "2.2.1", "bundled", blocked=("api.example.com:443", "example.org"))
    result = check_network("refund", limited=True, demanded=False, evidence=evidence)
    assert result.validity is Validity.INVALID
    assert [finding.message for finding in result.findings] == [
        "scenario 'refund': a connection to api.example.com:443 was blocked",
        "scenario 'refund': a connection to example.org was blocked",
    ]
    assert "network: [example.org:PORT]" in result.findings[1].expected


def test_many_blocked_addresses_are_counted() -> None:
    evidence = Evidence("local", "2.2.1", "bundled", blocked=tuple(f"10.0.0.{last}:80" for last in range(8)))
    findings = check_network("refund", limited=True, demanded=True, evidence=evidence).findings
    assert findings[-1].message == "and 3 more addresses were blocked"


@pytest.mark.parametrize(
    ("engine", "blocked", "limited", "demanded", "expected"),
    [
        ("upstream", (), True, True, Validity.VALID),
        ("upstream", None, False, True, Validity.VALID),
        ("upstream", None, True, False, Validity.VALID),
        ("upstream", None, True, True, Validity.UNKNOWN),
        ("bundled", None, False, False, Validity.VALID),
        ("bundled", None, True, False, Validity.UNKNOWN),
    ],
)
def test_a_limit_without_its_record_is_unknown(
    engine: str, blocked: tuple[str, ...] | None, limited: bool, demanded: bool, expected: Validity
) -> None:
    evidence = Evidence("embedded", "2.2.1", engine, blocked=blocked)
    assert check_network("refund", limited=limited, demanded=demanded, evidence=evidence).validity is expected


def test_the_records_of_all_processes_are_read(tmp_path: Path) -> None:
    assert read_blocked(tmp_path) is None
    (tmp_path / "network-a.jsonl").touch()
    assert read_blocked(tmp_path) == ()
    (tmp_path / "network-b.jsonl").write_text('{"blocked": "a:1"}\n{"blocked": "b:1"}\n{"blocked": "a:1"}\n{"blo')
    assert read_blocked(tmp_path) == ("a:1", "b:1", "an address that was not recorded completely")


def test_an_empty_record_of_a_part_of_the_processes_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "network-client.jsonl").touch()
    assert read_blocked(tmp_path, whole=False) is None
    (tmp_path / "network-client.jsonl").write_text('{"blocked": "a:1"}\n')
    assert read_blocked(tmp_path, whole=False) == ("a:1",)
