"""``python storing_worker.py SPEC``: one attempt at a job with a Kafka store, which may end itself by SIGKILL.

SPEC is JSON: ``options`` (of the agent), ``inputs``, ``effects`` and ``outputs`` (files that lines are added to), and
``die_at``: ``["effect", text]`` after that side effect and before anything knows of it, ``["put", n]`` when the n-th
record is acknowledged, ``["read", n]`` when a rebuild has read n records, ``["finish", n]`` after n tombstones, or null.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

from flink_agents_runtime.config.configuration import Configuration, option
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import plan_of
from flink_agents_runtime.stores.kafka import KafkaStore
from flink_agents_runtime.stores.kafka_topic import KafkaTopic

SPEC: dict[str, Any] = json.loads(sys.argv[1]) if __name__ == "__main__" else {}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def add_line(file: str, line: str) -> None:
    """Append a line to the file of effects, which outlives this process."""
    with Path(file).open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")


def effect(text: str) -> str:
    add_line(SPEC["effects"], text)
    if SPEC["die_at"] == ["effect", text]:
        die()
    return text


class Ordering(Agent):
    """Has a side effect in its body, a call of each kind, two equal events, and memory."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def take(event: Event, ctx: RunnerContext) -> None:
        name = f"{ctx.state_key!r} {event.get_attr('input')}"
        effect(f"{name} body")
        ctx.durable_execute(effect, f"{name} call")
        ctx.durable_execute(effect, f"{name} paid", reconciler=lambda: effect(f"{name} reconciled"))
        memory = ctx.short_term_memory
        memory.set("inputs", [*(memory.get("inputs") or []), event.get_attr("input")])
        for _ in range(2):
            ctx.send_event(Event(type="twin", attributes={"name": name}))

    @action("twin")
    @staticmethod
    def follow(event: Event, ctx: RunnerContext) -> None:
        ctx.durable_execute(effect, f"{event.get_attr('name')} twin")
        memory = ctx.short_term_memory
        memory.set("twins", (memory.get("twins") or 0) + 1)
        ctx.send_event(OutputEvent(output=[memory.get("inputs"), memory.get("twins")]))


class DyingStore(KafkaStore):
    """Ends the process at the point that the specification names."""

    puts, reads, tombstones = 0, 0, 0

    def put(self, execution: Any, record: Any) -> None:
        super().put(execution, record)
        self.puts += 1
        if SPEC["die_at"] == ["put", self.puts]:
            die()

    def _keep(self, message: Any, latest: Any) -> None:
        super()._keep(message, latest)
        self.reads += 1
        if SPEC["die_at"] == ["read", self.reads]:
            die()

    def _write(self, records: Any) -> None:
        for record in records:
            super()._write([record])
            self.tombstones += record[1] is None
            if SPEC["die_at"] == ["finish", self.tombstones]:
                die()


class Outputs:
    """An observer that writes each output to the file of effects."""

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        if event_type == OutputEvent.EVENT_TYPE:
            add_line(SPEC["outputs"], json.dumps([key, json.loads(event)["attributes"]["output"]]))


def main() -> None:
    config = Configuration(SPEC["options"])
    store = None
    if SPEC["die_at"] is not None:
        topic = KafkaTopic(option(config, "kafkaBootstrapServers"), option(config, "kafkaActionStateTopic"), 3, 1)
        store = DyingStore(topic, option(config, "job-identifier"))
    host = LocalHost(plan_of(Ordering(), SPEC["options"]), observers=[Outputs()], store=store)
    result = host.run(SPEC["inputs"])
    assert result.failure is None, result.failure.traceback_text


if __name__ == "__main__":
    main()
