"""The expectations of a scenario: the sections ``expect`` and ``expect_fail``.

Must never import: yaml, pytest, anything that starts a process.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.expectation.amounts import (
    ExpectedCheckpoints,
    ExpectedCost,
    ExpectedLatency,
    ExpectedRecovery,
    ExpectedThroughput,
    ExpectedTokens,
    MetricValue,
    Range,
)
from pytest_flink_agents.scenario.expectation.effects import Calls
from pytest_flink_agents.scenario.expectation.outputs import ExpectedOutputs, Outputs
from pytest_flink_agents.scenario.expectation.trajectory import Trajectories
from pytest_flink_agents.scenario.mapping import LanguageMapping, SomeItems
from pytest_flink_agents.scenario.words import Delay, NotEmpty, Regex, WaiverDate, wrong

CheckName = Literal[
    "outputs",
    "delivery",
    "trajectory",
    "effects",
    "llm",
    "tokens",
    "cost",
    "latency",
    "metrics",
    "memory",
    "checkpoints",
    "restarts",
    "recovery",
    "upgrade",
    "compare",
    "downtime",
    "throughput",
    "failure",
    "ended",
    "logs",
    "model calls",
    "replay",
    "plan: round trip",
]

# The words that say what a run must do; the others only qualify them.
_STATEMENTS = (
    "outputs",
    "failure",
    "delivery",
    "trajectory",
    "effects",
    "tokens",
    "cost",
    "latency",
    "metrics",
    "memory",
    "checkpoints",
    "restarts",
    "recovery",
    "downtime",
    "throughput",
)


class ExpectedFailure(LanguageMapping):
    """The expected failure of the job, by a part of its text."""

    contains: NotEmpty | None = Field(None, description="part of the failure's message, type or traceback")
    regex: Regex | None = Field(None, description="pattern that is found in them")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("either contains or regex", code="FA203" if self.model_fields_set else "FA204")
        return self


class ExpectedLogs(LanguageMapping):
    """ERROR lines that are allowed in the logs.

    Any other ERROR line, and a crash, fails the scenario.
    """

    allow: SomeItems[Regex] = Field(description="patterns, each found in the line or in the stack trace below it")


class ExpectedDelivery(LanguageMapping):
    """The delivery guarantee under failures.

    On Flink inputs and outputs travel through Kafka then.
    """

    outputs: Literal["exactly_once", "at_least_once"] | None = Field(
        None, description="exactly_once: none lost or duplicated; at_least_once: none lost"
    )
    per_input: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1, description="number of outputs that each input leads to"
    )
    actions: Literal["exactly_once"] | None = Field(
        None, description="no completed action is executed again; needs an action state store in the session's Kafka"
    )

    @model_validator(mode="after")
    def _states_something(self) -> Self:
        if self.outputs is None and self.actions is None:
            raise wrong("outputs or actions", code="FA204")
        if self.outputs is None and "per_input" in self.model_fields_set:
            next_step = "add outputs: exactly_once, or remove per_input"
            raise wrong("per_input beside outputs only", message="per_input has no effect here", next_step=next_step)
        return self


class ExpectedModelUse(LanguageMapping):
    """The use of the script of ``llm``."""

    calls: Range | None = Field(None, description="calls to the model, also those that got a fault")
    unused_rules: Annotated[int, Field(ge=0, le=100_000)] | None = Field(
        None, description="maximum number of rules that never answer; without this, every rule must answer"
    )

    @model_validator(mode="after")
    def _states_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong("calls or unused_rules", code="FA204")
        return self


class Expect(LanguageMapping):
    """The expectations of a scenario.

    ``outputs: []`` means that there must be no output.
    """

    outputs: Outputs | None = Field(
        None, description="all outputs and no others, [] for none; or {count, each, distinct} for many"
    )
    order: Literal["per_key", "any", "strict"] = Field(
        "per_key", description="the order of the outputs: one sequence per key, any, or one strict sequence"
    )
    failure: ExpectedFailure | None = Field(None, description="the failure with which the job must end")
    delivery: ExpectedDelivery | None = Field(None, description="the delivery guarantee of outputs and actions")

    trajectory: Trajectories | None = Field(
        None, description="the events and tool calls of each key: one mapping, or a list of them"
    )
    effects: dict[NotEmpty, Calls] | None = Field(
        None, min_length=1, description="the calls of each endpoint of `effects`, by its name"
    )
    tokens: ExpectedTokens | None = Field(None, description="the tokens that the model used")
    cost: ExpectedCost | None = Field(None, description="the price of these tokens")
    latency: ExpectedLatency | None = Field(None, description="the time from an input to its last output")
    metrics: dict[NotEmpty, MetricValue] | None = Field(
        None, min_length=1, description="values of metrics by name, or by the end of the name; `*` is any part of it"
    )
    memory: dict[NotEmpty, Annotated[dict[NotEmpty, Any], Field(min_length=1)]] | None = Field(
        None,
        min_length=1,
        description="short-term memory at the end, by key and dotted path, each a matcher",
    )
    checkpoints: ExpectedCheckpoints | None = Field(None, description="checkpoints on Flink; needs tiers without local")
    recovery: ExpectedRecovery | None = Field(None, description="the recovery from each of `faults`")
    downtime: Delay | None = Field(
        None,
        description="the longest time without an output at a switch of `upgrade`, from the last output before it, like 30s",
    )
    restarts: Range | None = Field(None, description="restarts of the job on Flink; needs tiers without local")
    throughput: ExpectedThroughput | None = Field(None, description="the rate of inputs")
    logs: ExpectedLogs | None = Field(None, description="ERROR lines that do not fail the scenario")
    llm: ExpectedModelUse | None = Field(None, description="use of the script of `llm`")

    @model_validator(mode="after")
    def _orders_a_list(self) -> Self:
        if isinstance(self.outputs, ExpectedOutputs) and "order" in self.model_fields_set:
            next_step = "remove order, or list the outputs"
            raise wrong("order beside a list of outputs only", message="order has no effect here", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if self.model_fields_set.isdisjoint(_STATEMENTS):
            next_step = "list the expected outputs; `outputs: []` means that there must be none"
            raise wrong(f"one of {', '.join(_STATEMENTS)}", code="FA204", next_step=next_step)
        return self


class ExpectFail(LanguageMapping):
    """A known failure.

    The scenario fails if it passes, if it fails in another way, or after the last day.
    """

    reason: NotEmpty = Field(description="why it fails, and where that is tracked")
    failure: ExpectedFailure | None = Field(
        None, description="text or pattern of the job's failure, or of each finding of `check`"
    )
    check: CheckName | None = Field(None, description="the check that fails; every other check must pass")
    until: WaiverDate = Field(description="the last day on which this holds, at most 90 days ahead: 2027-01-31")
    owner: NotEmpty | None = Field(None, description="who removes the cause")

    @model_validator(mode="after")
    def _names_a_failure(self) -> Self:
        if self.failure is None and self.check is None:
            next_step = "name the failure: {contains: TEXT}, the check that fails, or both"
            raise wrong("failure or check", code="FA204", next_step=next_step)
        if self.check == "failure" and self.failure is None:
            next_step = "add failure: {contains: TEXT}, since any failure of the job would be waived otherwise"
            raise wrong("failure beside `check: failure`", code="FA204", next_step=next_step)
        return self
