"""Jobs written for upstream's environment on Flink, through `flink run`, executed by the bundled engine."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.run.evidence import Evidence
from pytest_flink_agents.run.job_run import JobRequest, inputs_file, outputs_directory, run_job
from pytest_flink_agents.run.workplace import Workplace

pytestmark = pytest.mark.slow

JOBS = Path(__file__).with_name("jobs")
PURCHASES = [("ada", 3), ("bob", 2), ("ada", 4), ("cy", 1), ("ada", 5)]


def job_request(folder: Path, file: Path, *args: str, **fields: Any) -> JobRequest:
    """A run of a program that gets the inputs' file and the outputs' directory first."""
    inputs = [{"key": key, "value": {"amount": amount}} for key, amount in PURCHASES]
    given = (str(inputs_file(folder)), str(outputs_directory(folder)), *args)
    return JobRequest(file, given, "", fields.pop("environment", {}), inputs, 120, folder, **fields)


def by_key(evidence: Evidence) -> dict[Any, list[Any]]:
    assert evidence.job_state == "FINISHED", evidence.failure
    found = defaultdict(list)
    for output in evidence.outputs:
        found[output.key].append(output.value)
    return dict(found)


def test_two_agents_one_after_the_other(workplace: Workplace, tmp_path: Path) -> None:
    """What the first one gives is what the second one gets; each has memory of its own, and each key keeps its order.

    Each has an operator uid of its own, made of its name alone, so that a savepoint of the job maps.
    """
    uids = tmp_path / "uids.json"
    request = job_request(tmp_path / "run", JOBS / "chained.py", str(uids), parallelism=2)
    outputs = by_key(run_job(request, workplace, "embedded"))
    assert json.loads(uids.read_text()) == ["agent-Booking", "agent-Praise"]
    assert [(value["total"], value["elsewhere"], value["praised"]) for value in outputs["ada"]] == [
        (3, 6, 1),
        (7, 8, 2),
        (12, 10, 3),
    ]
    assert [value["total"] for value in outputs["bob"] + outputs["cy"]] == [2, 1]


def test_rows_of_a_table_through_an_agent(workplace: Workplace, tmp_path: Path) -> None:
    """Rows go in and come out, with the types that the job declares."""
    outputs = by_key(run_job(job_request(tmp_path, JOBS / "tables.py"), workplace, "embedded"))
    assert outputs == {"ada": [{"total": 6}, {"total": 8}, {"total": 10}], "bob": [{"total": 4}], "cy": [{"total": 2}]}
