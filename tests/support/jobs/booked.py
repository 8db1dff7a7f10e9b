"""A job with one agent, from a file to a directory."""

import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.datastream import StreamExecutionEnvironment

from tests.support.jobs.purchase_files import purchases, write
from tests.support.jobs.purchases import Booking

source, sink = sys.argv[1:3]
env = StreamExecutionEnvironment.get_execution_environment()
agents = AgentsExecutionEnvironment.get_execution_environment(env)
stream = agents.from_datastream(purchases(env, source), lambda purchase: purchase["customer"])
write(stream.apply(Booking()).to_datastream(), sink)
agents.execute("booked")
