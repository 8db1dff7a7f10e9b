"""A user's bounded job in the Table API over topics: amounts in, receipts out, each after a while that blocks its task.

Arguments: Kafka's address, the topic of inputs, the topic of outputs, the jar of Flink's Kafka
connector, and the time in milliseconds after which Kafka aborts a transaction. A checkpoint is complete soon after
the task has written its part; the task commits the transaction after the next receipt. So there is nearly always
a transaction that waits for its commit.
"""

import sys
import time

from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf

bootstrap, source, sink, connector, timeout_ms = sys.argv[1:]


@udf(result_type=DataTypes.INT())
def written(amount: int) -> int:
    """Return the amount after a while."""
    time.sleep(0.2)
    return amount


tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
tables.get_config().set("pipeline.jars", f"file://{connector}")
kafka = f"'connector' = 'kafka', 'properties.bootstrap.servers' = '{bootstrap}', 'format' = 'json'"
tables.execute_sql(
    "create table purchases (`key` string, `value` row<amount int>, `headers` map<string, bytes> metadata) "
    f"with ({kafka}, 'topic' = '{source}', 'properties.group.id' = '{source}', "
    "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset')"
)
tables.execute_sql(
    "create table receipts (`key` string, `value` row<amount int>, `headers` map<string, bytes> metadata) "
    f"with ({kafka}, 'topic' = '{sink}', 'sink.delivery-guarantee' = 'exactly-once', "
    f"'sink.transactional-id-prefix' = '{sink}', 'properties.transaction.timeout.ms' = '{timeout_ms}')"
)
tables.create_temporary_function("written", written)
tables.execute_sql("insert into receipts select `key`, row(written(`value`.amount)), `headers` from purchases")
