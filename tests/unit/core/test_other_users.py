"""The reasons to expect other people on this machine."""

from __future__ import annotations

import pytest

from flink_testbed.core.other_users import reason_for_others

ACCOUNTS = """
root:x:0:0:root:/root:/bin/bash
sync:x:1004:1004::/bin:/bin/sync
backup:x:34:34::/var/backups:/bin/sh
ana:x:1000:1000:Ana:/home/ana:/bin/bash
builder:x:1001:1001::/home/builder:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/bin/sh
broken line
"""


@pytest.mark.parametrize(
    ("environ", "own", "running", "reason"),
    [
        ({}, 1000, {0, 34, 1000, 65534, 61184}, ""),
        ({"CI": "false"}, 1000, set(), ""),
        ({"CI": "true"}, 1000, set(), "CI is set"),
        ({}, 0, set(), "the account ana can log in"),
        ({}, 1001, set(), "the account ana can log in"),
        ({}, 1000, {1000, 70000, 1005}, "user 1005 runs processes"),
    ],
)
def test_people_are_expected_by_ci_accounts_and_processes(
    environ: dict[str, str], own: int, running: set[int], reason: str
) -> None:
    assert reason_for_others(environ, own, ACCOUNTS, running) == reason
