"""A user's bounded job in the Table API, from files to files: each customer's total."""

import sys

from pyflink.table import EnvironmentSettings, TableEnvironment

source, sink = sys.argv[1:3]
tables = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
tables.execute_sql(
    "create table purchases (`key` string, `value` row<amount int>) "
    f"with ('connector' = 'filesystem', 'path' = 'file://{source}', 'format' = 'json')"
)
tables.execute_sql(
    "create table totals (`key` string, `value` row<total int>) "
    f"with ('connector' = 'filesystem', 'path' = 'file://{sink}', 'format' = 'json')"
)
tables.execute_sql(
    "insert into totals select `key`, row(cast(sum(`value`.amount) as int)) from purchases group by `key`"
)
