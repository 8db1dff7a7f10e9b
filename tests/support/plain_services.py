"""Start Flink and Kafka without pytest, print their addresses and directories, and wait to be ended."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flink_testbed import ClusterConfig, EmbeddedBroker, EmbeddedFlink, KafkaRecord

if __name__ == "__main__":
    own = Path(sys.argv[1])
    with EmbeddedBroker() as kafka, EmbeddedFlink("2.2", config=ClusterConfig(slots=1), directory=own) as flink:
        kafka.create_topic("orders")
        kafka.produce("orders", [KafkaRecord(b"ada", b"3")])
        facts = {
            "jobs": len(flink.jobs()),
            "rest_url": flink.rest_url,
            "values": [(record.value or b"").decode() for record in kafka.read_committed("orders")],
            "bootstrap": kafka.bootstrap,
            "temporary": str(kafka.directory),
        }
        temporary = kafka.directory
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        sys.stdin.readline()
    assert not temporary.exists()
