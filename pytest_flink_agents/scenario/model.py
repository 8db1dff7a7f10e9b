"""A scenario: its words, and the rules between them.

A rule that belongs to one word, such as ``upgrade``, has a module of its own.
Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

from pydantic import model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.comparison import require_comparable
from pytest_flink_agents.scenario.faults import timetable
from pytest_flink_agents.scenario.fields import ScenarioFields
from pytest_flink_agents.scenario.placeholders import names_in
from pytest_flink_agents.scenario.rescale import require_rescalable
from pytest_flink_agents.scenario.subjects import JarJob
from pytest_flink_agents.scenario.upgrade_rules import require_upgradable
from pytest_flink_agents.scenario.words import wrong

_REPLAYED_TIERS = frozenset(("local", "embedded", "container"))
_THROUGH_KAFKA = "add expect.delivery.outputs, which sends the records through Kafka"


class Scenario(ScenarioFields):
    """One scenario: an agent or job, its inputs, and the expectations."""

    @model_validator(mode="after")
    def _one_thing_to_run(self) -> Self:
        if (self.agent is None) == (self.job is None):
            raise wrong("agent or job, and one of them", code="FA204", next_step="name what to run")
        if self.job and (self.config or self.resources.sections()):
            next_step = "remove config and resources: a job sets them itself"
            raise wrong("job without config and resources", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _java_agent_on_flink(self) -> Self:
        if not self.has_java_agent:
            return self
        if self.resources.sections():
            next_step = "declare them in the agent: the sections of resources are Python's"
            raise wrong("a Java agent without resources", message="resources beside a Java agent", next_step=next_step)
        if self.tiers is not None and "local" in self.tiers:
            next_step = "remove local from tiers: upstream's engine runs a Java agent, on Flink"
            raise wrong("tiers without local beside a Java agent", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _script_of_its_expectation(self) -> Self:
        if self.expect.llm and not self.llm:
            raise wrong("llm beside expect.llm", code="FA204", next_step="write the script, or remove expect.llm")
        if self.expect.llm and self.expect.llm.unused_rules is not None and self.llm and self.llm.asks_a_model:
            next_step = "remove it: a real model has no rules that could stay unused"
            raise wrong("a script or a cassette beside expect.llm.unused_rules", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _memory_of_one_job(self) -> Self:
        if not self.expect.memory:
            return self
        if self.job is not None:
            next_step = "remove memory: only the job around an agent shows it"
            raise wrong("an agent beside memory", message="memory beside a job", next_step=next_step)
        if (self.upgrade or self.rescales) and self.tiers != ("local",):
            next_step = "add `tiers: [local]`: on Flink the memory is known of keys with an input of the last job only"
            raise wrong("tiers: [local] beside memory and another job", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _counts_of_flink_on_flink(self) -> Self:
        if (self.expect.checkpoints or self.expect.restarts) and (self.tiers is None or "local" in self.tiers):
            next_step = "add `tiers: [embedded]`: a run without Flink has no checkpoints and no restarts"
            raise wrong("tiers without local beside checkpoints or restarts", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _limited_process(self) -> Self:
        if isinstance(self.job, JarJob) and self.network not in (None, "open"):
            next_step = "remove network, or write network: open"
            raise wrong("no limit for a jar: Java's connections are not watched", code="FA204", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _one_run_of_a_known_failure(self) -> Self:
        if self.repeat and self.expect_fail:
            next_step = "remove one of them: a known failure fails in every run"
            raise wrong("repeat or expect_fail, not both", message="repeat beside expect_fail", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _faults_have_a_target(self) -> Self:
        faults = timetable(self.faults)
        if faults and self.tiers and not {"embedded", "container"} & set(self.tiers):
            next_step = "add embedded or container to tiers: only processes that the session starts are broken"
            raise wrong("faults on a tier whose processes the session starts", next_step=next_step)
        if any(fault.kill == "broker" for fault in faults) and not (self.sends_through_kafka or self.job_has_topics):
            raise wrong("a broker to kill", code="FA204", next_step=_THROUGH_KAFKA)
        self._require_links()
        if self.job and any(fault.after.event for fault in faults):
            message = "faults.after.event beside a job, whose engine decides where the event log is"
            next_step = "wait for outputs, a checkpoint or an effect"
            raise wrong("an agent beside it", message=message, code="FA204", next_step=next_step)
        if self.rescales:
            disturbing = {"job": self.job, "a Java agent": self.has_java_agent, "inputs[].after": self.held_inputs}
            require_rescalable(disturbing, delivery=bool(self.expect.delivery and self.expect.delivery.outputs))
        return self

    def _require_links(self) -> None:
        """Refuse faults of the network between the job and something that it does not talk to."""
        links = self.disturbed_links
        if "kafka" in links and not (self.sends_through_kafka or self.job_has_topics):
            raise wrong("a Kafka between which and the job the network is", code="FA204", next_step=_THROUGH_KAFKA)
        for link, section in (("effects", self.effects), ("llm", self.llm)):
            if link in links and not section:
                next_step = f"write {link}, or remove the fault"
                raise wrong(f"{link} beside a fault of its network", code="FA204", next_step=next_step)

    @model_validator(mode="after")
    def _recovers_from_faults(self) -> Self:
        recovery = self.expect.recovery
        if recovery and not self.faults:
            next_step = "add faults: a job that nothing breaks does not recover"
            message = "expect.recovery without faults"
            raise wrong("faults beside it", message=message, code="FA204", next_step=next_step)
        if recovery and recovery.first_output_within and not (self.sends_through_kafka or self.job_has_topics):
            message = "outputs have no time outside Kafka: expect.recovery.first_output_within"
            raise wrong("outputs in Kafka", message=message, code="FA204", next_step=_THROUGH_KAFKA)
        return self

    @model_validator(mode="after")
    def _can_be_upgraded(self) -> Self:
        require_upgradable(self)
        return self

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        if self.compare:
            disturbing = {
                "job": self.job,
                "upgrade": self.upgrade,
                "faults": self.faults,
                "always_replay": self.always_replay,
                "inputs[].after": self.held_inputs,
                "llm: {mode: record}": self.llm is not None and self.llm.mode == "record",
            }
            require_comparable(self.compare.baseline, self.agent, self.tiers, disturbing)
        return self

    @model_validator(mode="after")
    def _held_inputs_in_a_topic(self) -> Self:
        if self.job and self.held_inputs and "input.topic" not in names_in(self.job.args):
            next_step = "let the job read ${input.topic}, or remove `after`: a file is complete before its job begins"
            raise wrong(
                "${input.topic} among the arguments of the job",
                message="inputs[].after with a file",
                next_step=next_step,
            )
        return self

    @model_validator(mode="after")
    def _can_be_replayed(self) -> Self:
        if not self.always_replay:
            return self
        if not self.tiers or not _REPLAYED_TIERS.issuperset(self.tiers):
            next_step = (
                "add `tiers: [local, embedded, container]`, or some of them: inputs are replayed on no other tier"
            )
            raise wrong("tiers: [local, embedded, container] beside always_replay", code="FA204", next_step=next_step)
        if obstacle := self.obstacle_to_replays:
            next_step = "remove always_replay, or keep it in a scenario of its own"
            message = f"{obstacle} beside always_replay"
            raise wrong("answers that can be given again", message=message, next_step=next_step)
        return self
