"""The mark of a run beside a job's own parameters.

Flink 1.20.5, 2.2.1 and 2.3.0 read each of these texts as intended.
"""

from __future__ import annotations

import pytest

from flink_testbed.flink.job_owner import owner_options

KEY = "pipeline.global-job-parameters"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "'flink-agents-test-run:r1'"),
        ({KEY: "a:1"}, "'flink-agents-test-run:r1',a:1"),
        # Without the quotes this is YAML with one value, "1,flink-agents-test-run:r1".
        ({KEY: "a: 1"}, "'flink-agents-test-run:r1',a: 1"),
        ({KEY: "{a: 1}"}, "{flink-agents-test-run: r1, a: 1}"),
        ({KEY: "{}"}, "{flink-agents-test-run: r1, }"),
        ({f"{KEY}.a": "1", f"{KEY}.b.c": "2", "table.x": "3"}, "'flink-agents-test-run:r1',a:1,b.c:2"),
        # Flink ignores single parameters beside the option for all of them.
        ({KEY: "a:1", f"{KEY}.b": "2"}, "'flink-agents-test-run:r1',a:1"),
    ],
)
def test_a_jobs_own_parameters_stay_beside_the_mark_of_the_run(options: dict[str, str], text: str) -> None:
    assert owner_options("r1", options) == {KEY: text}


@pytest.mark.parametrize(
    ("value", "pair"),
    [
        ("1", "a:1"),
        ("x y", "a:x y"),
        ("x:y", "'a:''x:y'''"),
        ("x,y", "'a:''x,y'''"),
        ("it's", "'a:''it''''s'''"),
        ('say "x"', "'a:''say \"x\"'''"),
        (" x ", "'a:'' x '''"),
        ("", "'a:'''''"),
    ],
)
def test_a_value_is_quoted_as_flink_reads_it(value: str, pair: str) -> None:
    assert owner_options("r1", {f"{KEY}.a": value}) == {KEY: f"'flink-agents-test-run:r1',{pair}"}
