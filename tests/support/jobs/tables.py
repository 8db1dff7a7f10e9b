"""A job from table to table, with rows through an agent."""

import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.common.typeinfo import ExternalTypeInfo, Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, Schema, StreamTableEnvironment

from tests.support.jobs.purchases import Rows

source, sink = sys.argv[1:3]
env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
tables.execute_sql(
    "create table purchases (`key` string, `value` row<amount int>) "
    f"with ('connector' = 'filesystem', 'path' = 'file://{source}', 'format' = 'json')"
)
tables.execute_sql(
    "create table doubled (`key` string, `value` row<total int>) "
    f"with ('connector' = 'filesystem', 'path' = 'file://{sink}', 'format' = 'json')"
)
rows = tables.sql_query("select `key` as customer, `value`.amount as amount from purchases")
agents = AgentsExecutionEnvironment.get_execution_environment(env, tables)
output_type = ExternalTypeInfo(Types.ROW_NAMED(["customer", "amount"], [Types.STRING(), Types.INT()]))
schema = Schema.new_builder().column("customer", DataTypes.STRING()).column("amount", DataTypes.INT()).build()
doubled = agents.from_table(rows, lambda row: row["customer"]).apply(Rows()).to_table(schema, output_type)
tables.create_temporary_view("agent_outputs", doubled)
tables.execute_sql("insert into doubled select customer, row(amount) from agent_outputs")
