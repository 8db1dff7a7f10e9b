"""Scenarios with Java agents in a session of their own, and its verdict."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.run.cross_language import CrossLanguage
from tests.cross_language.plans import with_java_action

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
_AGENTS = {
    "right": "{jar: shop.jar, class: shop.TotalsAgent}",
    "wrong total": "{jar: shop.jar, class: shop.TotalsAgent}",
    "wrong class": "{jar: shop.jar, class: shop.Totals}",
    "wrong signature": "{plan: signature.json, jar: shop.jar}",
    "lost field": "{plan: options.json}",
}
# What the session says of each scenario but the right one.
_SAID = (
    "expected 8, seen 7",
    "the class shop.Totals cannot be loaded",
    "NoSuchMethodException: shop.Visits.amount(org.apache.flink.agents.api.Event",
    "FA233: Java reads $.actions.answer.config.limit of the plan otherwise than it was written",
)


def test_a_java_agent_promotes_and_a_wrong_one_does_not(
    cross_language: CrossLanguage, shop_jar: Path, tmp_path: Path
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    shutil.copy(shop_jar, tmp_path / "shop.jar")
    shutil.copy(Path(__file__).with_name("visits.py"), tmp_path / "visits.py")
    wrong = with_java_action(
        cross_language.python_plan("tests.cross_language.visits:VisitsAgent"), "count", "shop.Visits.amount"
    )
    plans = {"signature": wrong, "options": cross_language.python_plan("tests.cross_language.visits:OptionsAgent")}
    for name, plan in plans.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(plan).replace("tests.cross_language.visits", "visits"))
    for name, agent in _AGENTS.items():
        inputs = _INPUTS.replace("total: 7}}\n  traj", "total: 8}}\n  traj") if name == "wrong total" else _INPUTS
        text = f"{_HEAD}name: {name}\nagent: {agent}\n{inputs}"
        (tmp_path / f"{name.replace(' ', '-')}.scenario.yaml").write_text(text)
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
        timeout=600,
    )
    assert set(_FAILED.findall(done.stdout)) == _AGENTS.keys() - {"right"}, done.stdout
    assert "1 passed, 4 failed" in done.stdout
    assert [said for said in _SAID if said not in done.stdout] == [], done.stdout
    assert done.returncode == 1
