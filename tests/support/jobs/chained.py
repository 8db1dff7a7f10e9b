"""A job as upstream documents it: two agents, one after the other, from a file to a directory."""

import json
import sys
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from pyflink.datastream import StreamExecutionEnvironment

from tests.support.jobs.purchase_files import purchases, write
from tests.support.jobs.purchases import Booking, Praise

source, sink = sys.argv[1:3]
env = StreamExecutionEnvironment.get_execution_environment()
agents = AgentsExecutionEnvironment.get_execution_environment(env)
stream = agents.from_datastream(purchases(env, source), lambda purchase: purchase["customer"])
booked = stream.apply(Booking()).to_datastream()
praised = agents.from_datastream(booked, lambda booking: booking["customer"]).apply(Praise()).to_datastream()
write(praised, sink)
# Where the test wants to see under which identities their state is kept.
if sys.argv[3:]:
    uids = [stream._j_data_stream.getTransformation().getUid() for stream in (booked, praised)]
    Path(sys.argv[3]).write_text(json.dumps(uids))
agents.execute("chained")
