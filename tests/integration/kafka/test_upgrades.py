"""A scenario that starts the next version of an agent from a savepoint, from its YAML to its result."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.upgrade_runs import checked

pytestmark = pytest.mark.slow

UPGRADE = """\
version: "1"
name: each customer keeps the count
agent: tests.support.agents.versions:NextTill
tiers: [embedded]
inputs:
  - generate: {count: 24, keys: 3, value: {customer: "${input.key}"}}
upgrade:
  from: {agent: tests.support.agents.versions:Till}
  after: {outputs: 9}
  inputs: 9
  in_flight: 6
expect:
  delivery: {outputs: exactly_once}
  outputs: {count: 24, distinct: "[customer, count]"}
  downtime: 180s
within: 180s
"""


def test_the_next_version_goes_on_with_the_memory_of_the_one_before(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = checked(UPGRADE, tmp_path, request)
    assert run.valid, run.text
    upgrade = run.evidence.upgrade
    assert upgrade is not None
    assert [version.name for version in upgrade.versions] == ["baseline", "candidate"]
    assert upgrade.versions[1].restored
    counts = sorted((output.input, output.value["count"]) for output in run.evidence.outputs)
    assert counts == [(number, number // 3 + 1) for number in range(24)], "one count for each customer"
    versions = {output.input: output.value["version"] for output in run.evidence.outputs}
    assert [versions[number] for number in (0, 8, 15, 23)] == ["v1", "v1", "v2", "v2"]
