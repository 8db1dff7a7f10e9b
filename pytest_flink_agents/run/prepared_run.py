"""A run with everything that is served to it, and its replays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.models.channel import Channel as ModelChannel
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.replays import Replays
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.cluster_replays import replay_on_cluster
from pytest_flink_agents.run.effects import with_effects
from pytest_flink_agents.run.execute import execute
from pytest_flink_agents.run.model_channel import model_calls, model_source
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.replays import replay_in_worker, with_calls
from pytest_flink_agents.run.subject import Subject
from pytest_flink_agents.run.timeline import Step
from pytest_flink_agents.vocabulary import Tier

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """The subject of a run, its channel, place and timeline, and the servers that it may call.

    ``complete`` adds to the evidence what can be read only while the servers run.
    """

    subject: Subject
    channel: Channel
    place: Place
    timeline: Sequence[Step]
    ledger: LedgerRun | None
    models: ModelChannel | None
    complete: Callable[[Evidence], Evidence] = lambda evidence: evidence

    def replays(self, *, with_store: bool, run_s: float) -> Replays:
        """Run the inputs again from their crash points."""
        if self.place.tier is Tier.LOCAL:
            return replay_in_worker(self.subject, self.channel, self.place, with_store=with_store, run_s=run_s)
        return replay_on_cluster(self.subject, self.channel.inputs, self.place, with_store=with_store, run_s=run_s)


Prepare = Callable[[Path], AbstractContextManager[PreparedRun]]


def run_prepared(prepare: Prepare, directory: Path, within_s: float) -> Evidence:
    """Execute a run that is prepared in a directory, and return its evidence with all calls."""
    with prepare(directory) as run:
        evidence = run.complete(execute(run.subject, run.channel, run.place, run.timeline, within_s))
    return with_effects(
        replace(evidence, model_calls=model_calls(run.models), models=model_source(run.models)), run.ledger
    )


def with_replays(
    evidence: Evidence, prepare: Prepare, directory: Path, within_s: float, *, with_store: bool
) -> Evidence:
    """Return the evidence with replays, which have servers of their own; unchanged if the run did not reach its end."""
    if not evidence.complete or evidence.failure is not None or evidence.effects_unknown:
        return evidence
    directory.mkdir()
    with prepare(directory) as run:
        replays = run.replays(with_store=with_store, run_s=within_s)
    return replace(evidence, replays=with_calls(replays, run.ledger))
