"""The faults of a scenario: the section ``faults``.

Must never import: yaml, pytest, anything that starts a process.
"""

from __future__ import annotations

import random
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.mapping import LanguageMapping, SomeItems, list_or_mapping
from pytest_flink_agents.scenario.rescale import Rescale
from pytest_flink_agents.scenario.words import FORM, Delay, NotEmpty, has_form, wrong

DEFAULT_FOR_S = 2.0
DEFAULT_BY_S = 0.5
DEFAULT_SHARE = 0.1
_ACTS = ("kill", "pause", "fail", "fill_disk", "cut", "delay", "lose", "rescale")
_MOST = 1_000

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Kill = Literal["taskmanager", "jobmanager", "python_worker", "broker"]
Pause = Literal["taskmanager", "jobmanager"]
Fail = Literal["checkpoints"]
FillDisk = Literal["jobmanager"]
Link = Literal["kafka", "llm", "effects", "taskmanager"]
Directions = Literal["both", "requests", "answers"]
Kind = Literal[
    "kill taskmanager",
    "kill jobmanager",
    "kill python_worker",
    "kill broker",
    "pause taskmanager",
    "pause jobmanager",
    "fail checkpoints",
    "fill_disk jobmanager",
    "cut kafka",
    "cut llm",
    "cut effects",
    "cut taskmanager",
    "delay kafka",
    "delay llm",
    "delay effects",
    "delay taskmanager",
    "lose kafka",
    "lose llm",
    "lose effects",
    "lose taskmanager",
]


class After(LanguageMapping):
    """A moment of a run, counted from the start of the job. One of these words."""

    outputs: Count | None = Field(None, description="once that many outputs are committed")
    seconds: Annotated[float, Field(ge=0, le=3600, strict=False)] | None = Field(
        None, description="once the job has run that many seconds"
    )
    checkpoint: Count | None = Field(None, description="once that many checkpoints are complete")
    effect: NotEmpty | None = Field(None, description="once this endpoint of `effects` was called")
    event: NotEmpty | None = Field(None, description="once an event of this type is in the agent's event log")

    @model_validator(mode="after")
    def _one_moment(self) -> Self:
        if len(self.model_fields_set) != 1:
            code = "FA203" if self.model_fields_set else "FA204"
            raise wrong("one of outputs, seconds, checkpoint, effect and event", code=code)
        return self


class Fault(LanguageMapping):
    """One fault, injected after a moment and healed by itself.

    What was killed is started again, and what was paused or failed continues.
    """

    not_yet: ClassVar[frozenset[str]] = frozenset({"restart"})

    after: After = Field(
        description="the moment: {outputs: 1}, {seconds: 5}, {checkpoint: 2}, {effect: payments} or {event: paid}"
    )
    kill: Kill | None = Field(None, description="end a process by SIGKILL; another one is started")
    pause: Pause | None = Field(None, description="stop a process for a while; it keeps its connections")
    fail: Fail | None = Field(None, description="let every checkpoint fail that begins within `for`")
    fill_disk: FillDisk | None = Field(None, description="let the JobManager write no file for a while")
    cut: Link | None = Field(
        None, description="let no data pass between the job and this service, or TaskManager and JobManager"
    )
    delay: Link | None = Field(None, description="let data between them arrive later")
    lose: Link | None = Field(None, description="lose some of the data between them, which TCP sends again")
    rescale: Rescale | None = Field(
        None, description="stop the job with a savepoint, and start it with another parallelism: {parallelism: 4}"
    )
    direction: Directions | None = Field(
        None,
        description="the data of cut, delay or lose: what the job or TaskManager sends, what it gets, or both (the default)",
    )
    by: Delay | None = Field(None, description="how much later data arrive with `delay`, each way; default: 500ms")
    share: Annotated[float, Field(gt=0, le=0.9, strict=False)] | None = Field(
        None, description="the share of the pieces that `lose` loses; default: 0.1"
    )
    for_: Delay | None = Field(
        None, alias="for", description="how long the fault lasts, or the broker is down; default: 2s"
    )

    @model_validator(mode="after")
    def _one_act(self) -> Self:
        if sum(getattr(self, act) is not None for act in _ACTS) != 1:
            expected = f"one of {', '.join(_ACTS[:-1])} and {_ACTS[-1]}"
            raise wrong(expected, code="FA204", next_step="write kill: taskmanager")
        at_once = self.rescale or self.kill not in (None, "broker")
        if self.for_ is not None and at_once:
            next_step = "remove for: another process or job starts at once"
            raise wrong("for beside `kill: broker` or a fault that lasts", code="FA203", next_step=next_step)
        return self

    @model_validator(mode="after")
    def _words_of_the_network(self) -> Self:
        for word, acts in (("direction", ("cut", "delay", "lose")), ("by", ("delay",)), ("share", ("lose",))):
            if getattr(self, word) is not None and not any(getattr(self, act) for act in acts):
                raise wrong(f"{word} beside {' or '.join(acts)}", code="FA203", next_step=f"remove {word}")
        return self

    @property
    def link(self) -> Link | None:
        """The part whose connections are disturbed, None if none is."""
        return self.cut or self.delay or self.lose

    @property
    def seconds(self) -> float:
        """The length of a pause, failure or disturbance, or of a broker's absence."""
        return DEFAULT_FOR_S if self.for_ is None else self.for_


class RandomTimetable(LanguageMapping):
    """The parameters of random faults. The same seed gives the same timetable."""

    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = Field(description="the seed of moments and kinds")
    count: Annotated[int, Field(ge=1, le=_MOST)] = Field(description="the number of faults")
    kinds: SomeItems[Kind] = Field(description="the kinds to choose from, like [kill taskmanager]")
    over: Delay = Field(description="the span of time in which all are injected, from the start of the job")


class RandomFaults(LanguageMapping):
    """Faults at random moments, from one seed."""

    random: RandomTimetable = Field(description="seed, number, kinds and span of the faults")


Faults = Annotated[
    Annotated[SomeItems[Fault], Tag(FORM + "list")] | Annotated[RandomFaults, Tag(FORM + "mapping")],
    Discriminator(list_or_mapping),
    has_form(list_or_mapping, "a list of faults, or {random: {seed, count, kinds, over}}"),
]


def timetable(faults: Any) -> tuple[Fault, ...]:
    """Return the faults in their order; those of a seed are computed from it."""
    if not isinstance(faults, RandomFaults):
        return tuple(faults or ())
    wanted = faults.random
    chance = random.Random(wanted.seed)  # noqa: S311  a timetable, not a secret
    moments = sorted(round(chance.uniform(0, wanted.over), 1) for _ in range(wanted.count))
    kinds = [chance.choice(wanted.kinds).split() for _ in moments]
    return tuple(
        Fault.model_validate({"after": {"seconds": moment}, act: process})
        for moment, (act, process) in zip(moments, kinds, strict=True)
    )
