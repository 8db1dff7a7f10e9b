"""A user's endless job in the Table API over topics: purchases in, running totals out.

Arguments: Kafka's address, the topic of inputs, the topic of outputs, the jar of Flink's Kafka
connector, and ``bounded`` if it ends with the inputs that exist. The headers of an input go to its
output.
"""

import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

bootstrap, source, sink, connector, *bounded = sys.argv[1:]
tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
tables.get_config().set("pipeline.jars", f"file://{connector}")
tables.get_config().set("execution.checkpointing.interval", "1s")
kafka = f"'connector' = 'kafka', 'properties.bootstrap.servers' = '{bootstrap}', 'format' = 'json'"
end = ", 'scan.bounded.mode' = 'latest-offset'" if bounded else ""
tables.execute_sql(
    "create table purchases (`key` string, `value` row<amount int>, `headers` map<string, bytes> metadata, `at` as proctime()) "
    f"with ({kafka}, 'topic' = '{source}', 'properties.group.id' = '{source}', "
    f"'scan.startup.mode' = 'earliest-offset'{end})"
)
tables.execute_sql(
    "create table totals (`key` string, `value` row<total int>, `headers` map<string, bytes> metadata) "
    f"with ({kafka}, 'topic' = '{sink}', 'sink.delivery-guarantee' = 'exactly-once', "
    f"'sink.transactional-id-prefix' = '{sink}', 'properties.transaction.timeout.ms' = '300000')"
)
tables.execute_sql(
    "insert into totals select `key`, row(cast(sum(`value`.amount) over (partition by `key` order by `at`) as int)), "
    "`headers` from purchases"
)
