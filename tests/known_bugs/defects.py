"""The known defects as breaks of the bundled engine, with the finding that must show each.

All breaks are in one copy of the runtime. Each is active only in the run of a scenario whose
``environment`` names it in ``KNOWN_BUG``, so that one session shows all of them, and the same
scenarios without a defect.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.rule_breaks.source import Break, swap, wrap

VARIABLE, NONE = "KNOWN_BUG", "none"
_RECORDED, _DURABLE = "engine.recorded:RecordedRun", "engine.durable:DurableCall"
_MADE_TWICE = 'with {"amount": 3} is made twice for input 0'


class Shown(NamedTuple):
    """The check that is *invalid*, and a part of one of its findings."""

    check: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect: the thread or the class of upstream that has it, how the engine gets it, and what the gate must say.

    ``scenario`` has a run with the defect and one without.
    """

    name: str
    reported: str
    scenario: str
    shown: Shown
    breaks: tuple[Break, ...]

    def active_breaks(self) -> list[Break]:
        """Return the breaks, each limited to runs that name the defect."""
        return [_limited(each, self.name) for each in self.breaks]


def _limited(broken: Break, name: str) -> Break:
    condition = f"__import__('os').environ.get({VARIABLE!r}) == {name!r}"
    if broken.old is None:
        return replace(broken, new=f"if not ({condition}):\n    return original(*args, **kwargs)\n{broken.new}")
    if isinstance(ast.parse(broken.old).body[0], ast.Expr):
        return replace(broken, new=f"({broken.new}) if {condition} else ({broken.old})")
    raise AssertionError(f"{broken.target}: only an expression can be replaced in the runs of one defect")


OF_LOCAL = (
    Defect(
        "equal_siblings",
        "#1084",
        "equal events are two",
        Shown("effects", "the number of calls of payments is 1"),
        (
            wrap("engine.recorded:_place", "return Place(digest_of(args[0].event.text), args[0].action)"),
            wrap(f"{_RECORDED}._put", "original(*args)\nargs[0]._recovered[_place(args[1])] = args[2]"),
        ),
    ),
    Defect(
        "action_id_of_process",
        "#1094, #1100",
        "a payment is recorded",
        Shown("replay", _MADE_TWICE),
        (wrap("engine.recorded:_place", "return original(*args)._replace(position=str(__import__('os').getpid()))"),),
    ),
    Defect(
        "random_event_id",
        "#510",
        "a payment is recorded",
        Shown("replay", _MADE_TWICE),
        (swap(f"{_RECORDED}._run", "record.event == _digest(task.event)", "False"),),
    ),
    Defect(
        "rebuild_without_marker",
        "#510",
        "a payment is recorded",
        Shown("replay", _MADE_TWICE),
        (wrap("stores.memory:MemoryStore.rebuild", "if len(args) > 1 and args[1] is not None:\n    original(*args)"),),
    ),
    Defect(
        "partial_rebuild",
        "KafkaActionStateStore",
        "a payment is recorded",
        Shown("replay", _MADE_TWICE),
        (
            wrap(
                "stores.memory:MemoryStore.rebuild",
                "original(*args)\n"
                "for execution, _ in list(args[0]._found)[:1]:\n"
                "    args[0]._found.take(execution.key, lambda sequence: True)",
            ),
        ),
    ),
    Defect(
        "object_in_memory",
        "#1029",
        "an object in memory survives",
        Shown(
            "replay",
            'input 0 of key "a" fails if its process dies after action open and before action book is recorded',
        ),
        (
            wrap(
                f"{_RECORDED}._replay",
                "record = args[2]\n"
                "lost = {path: (None,) if isinstance(item, dict) else item for path, item in record.short_term.items()}\n"
                "original(*args[:2], __import__('dataclasses').replace(record, short_term=lost))",
            ),
        ),
    ),
    Defect(
        "exception_not_serialisable",
        "#473, #490",
        "a failure names its cause",
        Shown("failure", "the job failed with another failure than the expected one"),
        (
            wrap(
                "engine.context:ActionContext.durable_execute",
                "try:\n    return original(*args, **kwargs)\n"
                "except Exception:\n    raise TypeError('DurableExecutionException is not serializable') from None",
            ),
        ),
    ),
    Defect(
        "null_result",
        "RunnerContextImpl",
        "a call without a result is recorded",
        Shown("replay", 'input 0 of key "a" fails if its process dies after durable call shop.log of action log'),
        (
            wrap(
                f"{_DURABLE}.replay",
                "outcome = original(*args)\n"
                "if outcome is None:\n    raise AttributeError('java.lang.NullPointerException')\nreturn outcome",
            ),
        ),
    ),
    Defect(
        "type_of_exception",
        "RunnerContextImpl",
        "a refusal is handled",
        Shown("replay", 'input 0 of key "a" fails if its process dies after durable call shop.refuse of action charge'),
        (
            wrap(
                f"{_DURABLE}.replay",
                "try:\n    return original(*args)\n"
                "except Exception as error:\n    raise RuntimeError(f'{type(error).__name__}: {error}') from None",
            ),
        ),
    ),
    Defect(
        "lost_call_record",
        "flink_runner_context.py",
        "an outcome that cannot be recorded is refused",
        Shown("failure", "the job did not fail, although a failure is expected"),
        (wrap("engine.recorded:RecordedCalls._unrecordable", "pass"),),
    ),
)
# A replay restores the state right before one input: what goes wrong between inputs needs a job that restarts.
OF_FLINK = (
    Defect(
        "two_actions",
        "KafkaActionStateStore",
        "two actions are executed once",
        Shown("delivery", 'action pay of input 1 of key "a" was executed again after it had completed'),
        (
            wrap(
                f"{_RECORDED}._recover",
                "original(*args)\nself = args[0]\n"
                "if len(self._recovered) > 1:\n"
                "    for key in self._store.left_keys():\n"
                "        self._store._found.take(key, lambda sequence: sequence > args[1])",
            ),
        ),
    ),
    Defect(
        "other_keys",
        "#885",
        "a key without a record leaves others alone",
        Shown("delivery", 'action pay of input 2 of key "a" was executed again after it had completed'),
        (
            wrap(
                f"{_RECORDED}._recover",
                "original(*args)\nself = args[0]\n"
                "if not self._recovered:\n"
                "    for key in self._store.left_keys() - {self._key_text}:\n"
                "        self._store._found.take(key, lambda sequence: sequence > args[1])",
            ),
        ),
    ),
    Defect(
        "key_as_text",
        "#1099",
        "keys of equal text are two",
        Shown("delivery", "action pay of input 0 of key 1 was executed again after it had completed"),
        (wrap("engine.action_record:key_text", "return str(args[0])"),),
    ),
    Defect(
        "underscore_in_key",
        "#628",
        "a key may have an underscore",
        Shown("failure", "the job failed: ValueError: Invalid key format."),
        (
            wrap(
                f"{_RECORDED}._recover",
                "if args[1] > 1 and '_' in args[0]._key_text:\n    raise ValueError('Invalid key format.')\n"
                "original(*args)",
            ),
        ),
    ),
    Defect(
        "first_listing_of_topics",
        "KafkaActionStateStore",
        "a store is there at the first start",
        Shown("failure", "the job failed: StoreError: Failed to create or verify Kafka topic"),
        (
            wrap(
                "stores.kafka_topic:TopicAdmin.provide",
                "raise StoreError('Failed to create or verify Kafka topic')",
            ),
        ),
    ),
)
DEFECTS = OF_LOCAL + OF_FLINK
