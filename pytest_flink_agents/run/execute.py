"""Execute one run of a subject and gather the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.cluster_run import run_on_cluster
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import Subject
from pytest_flink_agents.run.timeline import Step
from pytest_flink_agents.run.worker_run import run_in_worker
from pytest_flink_agents.vocabulary import Tier


def execute(
    subject: Subject, channel: Channel, place: Place, timeline: Sequence[Step] = (), deadline_s: float = 60.0
) -> Evidence:
    """Run a subject until its inputs or its deadline end.

    A subject that fails or misses its deadline says so in the evidence. The parts that the run
    needs are provisioned before (``TestEnvironment.provide``), so that their start is not the
    subject's time. The channel is closed in the end.

    Raises ``AgentRefusedError`` for an agent that cannot be built, ``HostError`` for what is the
    environment's fault, and ``ValueError`` for a combination that cannot run: the user's own
    job or a timeline without Flink, a script on Flink.
    """
    with closing(channel):
        channel.put()
        if place.tier is Tier.LOCAL:
            return run_in_worker(subject, channel, place, timeline, deadline_s)
        return run_on_cluster(subject, channel, place, timeline, deadline_s)
