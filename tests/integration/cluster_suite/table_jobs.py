"""A warm process in the job environment that submits jobs without Python code. Not a test module.

``python table_jobs.py`` replies to ``submit`` with ``{"job_id"}``: an endless job that counts
numbers by remainder in keyed state.
"""

from __future__ import annotations

from typing import Any

from flink_agents_runtime.channel import serve
from flink_agents_runtime.on_flink.submitter import _environment


def hello() -> dict[str, Any]:
    from pyflink.java_gateway import get_gateway
    from pyflink.table import StreamTableEnvironment

    assert StreamTableEnvironment
    get_gateway()
    return {}


def submit(request: dict[str, Any]) -> dict[str, Any]:
    from pyflink.table import StreamTableEnvironment

    tables = StreamTableEnvironment.create(_environment(request["rest_url"], request["options"]))
    tables.execute_sql(
        "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200', "
        "'fields.n.kind' = 'random')"
    )
    tables.execute_sql("CREATE TABLE counts (r BIGINT, c BIGINT) WITH ('connector' = 'blackhole')")
    result = tables.execute_sql("INSERT INTO counts SELECT MOD(n, 7), COUNT(*) FROM numbers GROUP BY MOD(n, 7)")
    return {"job_id": str(result.get_job_client().get_job_id())}


if __name__ == "__main__":
    serve({"submit": submit}, hello)
