"""Scenarios with Java agents in a session of their own, and its verdict."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flink_testbed.ownership.process import clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.cross_language]

_FAILED = re.compile(r"^FAILED \S+::(.+)\[embedded-", re.MULTILINE)
_HEAD = 'version: "1"\n'
_INPUTS = """\
inputs:
  - {key: ada, value: {item: tea, amount: 3}}
  - {key: ada, value: {item: cake, amount: 4}}
expect:
  outputs:
    - {key: ada, value: {item: tea, total: 3}}
    - {key: ada, value: {item: cake, total: 7}}
  trajectory: {key: ada, match: in_order, events: [_input_event, {event: "shop.TotalsAgent$Booked", attributes: {total: 7}}]}
"""
SCENARIOS = {
    "right": "agent: {jar: shop.jar, class: shop.TotalsAgent}",
    "wrong class": "agent: {jar: shop.jar, class: shop.Totals}",
    "wrong total": "agent: {jar: shop.jar, class: shop.TotalsAgent}",
}


def test_a_java_agent_promotes_and_a_wrong_one_does_not(shop_jar: Path, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    shutil.copy(shop_jar, tmp_path / "shop.jar")
    for name, agent in SCENARIOS.items():
        inputs = _INPUTS.replace("total: 7}}\n  traj", "total: 8}}\n  traj") if name == "wrong total" else _INPUTS
        (tmp_path / f"{name.replace(' ', '-')}.scenario.yaml").write_text(f"{_HEAD}name: {name}\n{agent}\n{inputs}")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--flink-version=1.20",
            "--flink-agents=0.1.1",
            "--flink-tier=embedded",
            "--flink-gate",
        ],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert set(_FAILED.findall(done.stdout)) == {"wrong class", "wrong total"}, done.stdout
    assert "1 passed, 2 failed" in done.stdout
    assert "cannot be loaded" in done.stdout
    assert "expected 8, seen 7" in done.stdout
    assert done.returncode == 1
