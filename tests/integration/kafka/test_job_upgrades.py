"""A scenario that replaces a team's own job by its next version and goes back, from its YAML to its result."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.upgrade_runs import checked_job

pytestmark = pytest.mark.slow

UPGRADE = """\
version: "1"
name: each customer's total goes on
job: {python: keyed_totals.py, args: [ARGS, v2]}
tiers: [embedded]
inputs:
  - generate: {count: 24, keys: 3, value: {amount: 1, number: "${input.number}"}}
upgrade:
  from: {job: {python: keyed_totals.py, args: [ARGS, v1]}}
  after: {outputs: 5}
  rollback: true
expect:
  delivery: {outputs: exactly_once}
  outputs: {count: 24, distinct: "[customer, total]"}
  downtime: 180s
within: 180s
""".replace("ARGS", '"${kafka.bootstrap}", "${input.topic}", "${output.topic}", "${kafka.connector}"')


def test_the_next_version_of_a_job_goes_on_with_its_state_and_so_does_the_way_back(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = checked_job(UPGRADE, tmp_path, request)
    assert run.valid, run.text
    upgrade = run.evidence.upgrade
    assert upgrade is not None
    assert [version.name for version in upgrade.versions] == ["baseline", "candidate", "baseline after the rollback"]
    assert all(version.restored and not version.began_anew for version in upgrade.versions[1:])
    totals = sorted((output.input, output.value["total"]) for output in run.evidence.outputs)
    assert totals == [(number, number // 3 + 1) for number in range(24)], "one sum for each customer"
    versions = {output.input: output.value["version"] for output in run.evidence.outputs}
    assert [versions[number] for number in (0, 7, 8, 15, 16, 23)] == ["v1", "v1", "v2", "v2", "v1", "v1"]
