"""Break each rule of docs/semantics.md once, and see its proof fail: ``make break-rules`` (some minutes).

A break is one piece of the runtime's source put in the place of another, in a copy. A rule whose proof does not notice is
told, and so is a rule that nothing here breaks, and a break that no longer fits the source.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.run_in_job_environment import ROOT, run_tests

_ROW = re.compile(r"^\| (?P<rule>.+) \| `(?P<proof>[^`]+)` \|$", re.M)
_PACKAGE = "flink_agents_runtime"


class Break(NamedTuple):
    """In ``file`` of the runtime, ``text`` (there once) becomes ``instead``."""

    file: str
    text: str
    instead: str


RUN, CONTEXT, MEMORY, DURABLE = "engine/run.py", "engine/context.py", "engine/memory.py", "engine/durable.py"
STATE, PLAN, ENGINE, TEXT = "engine/state.py", "engine/plan.py", "engine/engine.py", "engine/event_text.py"
LOG, HOST, LOOP, SEALED = "observe/event_log.py", "local/host.py", "local/loop.py", "engine/sealed.py"

# What proves the rule -> what breaks it.
BREAKS: dict[str, Break] = {
    "one input of a key at a time": Break(RUN, "while not state.tasks:", "while state.inputs or not state.tasks:"),
    "breadth first": Break(
        RUN, "state.tasks.append(Task(event, action))", "state.tasks.appendleft(Task(event, action))"
    ),
    "an unfinished action goes to the tail": Break(RUN, "tasks.rotate(-1)", "return None"),
    "test_run_order.py::test_an_action_whose_call_is_over_comes_last_all_the_same": Break(
        RUN, "self.state.tasks.append(task)", "self.state.tasks.appendleft(task)"
    ),
    "what is sent before an await": Break(
        RUN,
        "for event in attempt.take_sent():",
        "for event in attempt.take_sent() if finished else ():",
    ),
    "a key does not wait for another": Break(
        RUN, "tasks.rotate(-1)", "attempt.future.exception()\n            return tasks.popleft()"
    ),
    "test_random_agents.py::test_threads_and_other_keys_change_nothing": Break(
        STATE,
        "short_term: Store = field(default_factory=dict)",
        "short_term: Store = field(default_factory=lambda shared={}: shared)",
    ),
    "inputs that trigger nothing": Break(
        RUN,
        "return _IDLE\n            self._begin_run(",
        "return _IDLE\n            if self.state.sequence:\n                return _IDLE\n            self._begin_run(",
    ),
    "events arrive as base events, through JSON": Break(
        TEXT,
        "    return event\n",
        '    if event.type == "noted":\n        event.attributes["pair"] = (1, 2)\n    return event\n',
    ),
    "models become mappings": Break(
        TEXT,
        "    return event\n",
        '    event.attributes = {k: list(v) if k == "order" else v for k, v in event.attributes.items()}\n    return event\n',
    ),
    "each listener gets an event of its own": Break(
        RUN,
        "(task.event.open(), attempt)",
        '(vars(self).setdefault("shared", {}).setdefault(task.event, task.event.open()), attempt)',
    ),
    "equal events have equal ids": Break(
        SEALED,
        "            return event\n",
        '            event.id = __import__("uuid").uuid4()\n            return event\n',
    ),
    "an event that nobody listens to": Break(
        RUN, "engine.listeners.get(event_type, ())", "engine.listeners[event_type]"
    ),
    "an output is one by its type": Break(RUN, "if event_type == _OUTPUT:", 'if event_type in (_OUTPUT, "disguised"):'),
    "several outputs of one run": Break(
        CONTEXT, "sent, self._sent = self._sent, []", "sent, self._sent = self._sent[:1], []"
    ),
    "test_run_order.py::test_the_time_stamp_of_the_input_goes_to_its_outputs": Break(
        RUN, "state.current.timestamp if state.current else None", "None"
    ),
    "how long memory lives": Break(
        RUN, "state.sensory.clear()", "state.sensory.clear()\n        state.short_term.clear()"
    ),
    "test_memory.py::test_sensory_memory_is_cleared_at_the_end_of_the_run": Break(
        RUN, "state.sensory.clear()\n", "pass\n"
    ),
    "a write counts when its action has finished": Break(
        MEMORY, "self._written[path] = item", "self._store[path] = item"
    ),
    "the last to finish has the last word": Break(
        MEMORY,
        "self._store.update(self._written)",
        "self._store.update({k: v for k, v in self._written.items() if k not in self._store})",
    ),
    "values are copied in and out": Break(
        MEMORY,
        "return _copied(item[0]) if isinstance(item, tuple) else self._at(path)",
        "return item[0] if isinstance(item, tuple) else self._at(path)",
    ),
    "paths and objects": Break(MEMORY, "return sorted(item) if isinstance(item, dict) else []", "return []"),
    "a reference leads to its value": Break(
        MEMORY,
        "return MemoryRef(memory_type=self._type, path=absolute)",
        "return MemoryRef(memory_type=self._type, path=path)",
    ),
    "keys that look alike": Break(
        LOOP, "key if type(key) is str else (json.dumps(key, sort_keys=True, default=str),)", "str(key)"
    ),
    "a value that memory does not take": Break(MEMORY, "validate_memory_value(path, value)", "pass"),
    "a value does not replace an object": Break(
        MEMORY, "if absolute == ROOT or isinstance(self._overlay.read(absolute), dict):", "if absolute == ROOT:"
    ),
    "test_expiry.py": Break(
        "engine/expiry.py", "touched_ms + self._ttl_ms <= self.now_ms()", "touched_ms + self._ttl_ms < self.now_ms()"
    ),
    "test_context.py::test_long_term_memory_names_its_options": Break(ENGINE, "if missing:", "if False:"),
    "results and exceptions of durable calls": Break(
        CONTEXT,
        "call.finish(None, error)\n            raise",
        "call.finish(None, error)\n            raise RuntimeError(str(error)) from error",
    ),
    "a call begins when it is awaited": Break(
        CONTEXT,
        "self._call = (func, args, kwargs, reconciler)",
        "func(*args, **kwargs)\n        self._call = (func, args, kwargs, reconciler)",
    ),
    "calls of two actions run at the same time": Break(HOST, "DaemonPool(self._threads,", "DaemonPool(1,"),
    "no more calls at a time than threads": Break(HOST, "DaemonPool(self._threads,", "DaemonPool(8,"),
    "test_durable.py::test_a_recorded_call_is_replayed": Break(
        DURABLE, "if earlier is not None and earlier.status != PENDING:", "if False:"
    ),
    "test_durable.py::test_a_recorded_exception_is_raised_again": Break(DURABLE, "raise outcome", "return outcome"),
    "test_durable.py::test_another_call_drops_this_and_later_records": Break(
        DURABLE, "del self._records[self._next - 1 :]", "pass"
    ),
    "test_durable.py::test_a_reconciler_answers_for_a_call_left_pending": Break(
        DURABLE,
        "return DurableCall(self, earlier, reconciler)",
        "return DurableCall(self, earlier, lambda: func(*args, **kwargs))",
    ),
    "test_checkpoint.py::test_an_action_in_flight_runs_again_from_its_first_line": Break(
        RUN, "self.state.tasks.append(task)", "self.state.tasks.append(task)\n            attempt.commit()"
    ),
    "test_checkpoint.py::test_waiting_inputs_and_sequence_survive": Break(
        STATE, "for waiting in self.inputs]", "for waiting in ()]"
    ),
    "an action that raises fails the job": Break(RUN, "except _FAILURES as error:", "except SystemExit as error:"),
    "test_bad_input.py::test_what_is_wrong_is_named_and_the_rest_is_kept": Break(
        RUN, "agent=self._engine.plan.agent_name", 'agent=""'
    ),
    "a poisoned input among good ones": Break(
        RUN, "task.action, self.key, self.current", 'task.action, "a", self.current'
    ),
    "test_bad_input.py::test_a_script_raises_it_and_keeps_the_outputs": Break(
        RUN, "attempt.memories or attempt.misused", "attempt.memories"
    ),
    "asyncio is refused": Break(RUN, "raise RuntimeError(_ASYNCIO_ERROR_MESSAGE) from error", "raise"),
    "a call must not use the context": Break(CONTEXT, "get_ident():", "self.thread:"),
    "a thread of one's own must not use the context": Break(CONTEXT, "get_ident():", "self.thread:"),
    "test_context.py::test_a_context_is_closed_after_its_action": Break(RUN, "attempt.thread = None", "pass"),
    "a generator is no action": Break(
        RUN, "if inspect.isgenerator(result) or inspect.isasyncgen(result):", "if False:"
    ),
    "an event that is not JSON": Break(
        CONTEXT,
        'raise TypeError(\n                f"the event {event.type!r} cannot be sent',
        'return\n            raise TypeError(\n                f"the event {event.type!r} cannot be sent',
    ),
    "test_plan.py::test_java_actions_are_refused": Break(
        ENGINE, "if not isinstance(action.exec, PythonFunction):", "if False:"
    ),
    "a model asks for a tool": Break(RUN, "self._count_tool_round()\n        for", "return\n        for"),
    "a model asks for a tool, without asynchronous calls": Break(CONTEXT, "result = call.run()", "result = None"),
    "a model that fails": Break(
        CONTEXT,
        "call.finish(None if error else future.result(), error)\n        return future.result()",
        "call.finish(None if error else future.result(), error)\n        return None if error else future.result()",
    ),
    "a model that fails is asked again": Break(
        "engine/options.py", "            return word\n", "            return words[-1]\n"
    ),
    "a model that fails is passed over": Break(
        "engine/options.py", "            return word\n", "            return words[0]\n"
    ),
    "a model that fails more often than it is asked": Break(
        "engine/options.py", "    return number\n", "    return number + 1\n"
    ),
    "a tool that fails": Break(
        CONTEXT,
        "call.finish(None if error else future.result(), error)\n        return future.result()",
        "call.finish(None if error else future.result(), error)\n        return None if error else future.result()",
    ),
    "test_context.py::test_metrics_of_actions_are_there_before_they_run": Break(
        ENGINE,
        "MemoryMetricGroup(), plan.actions)",
        'MemoryMetricGroup(), [name for name in plan.actions if "_" not in name])',
    ),
    "options of action and agent": Break(CONTEXT, "return (self.action_config or {}).get(key)", "return None"),
    "test_context.py::test_long_term_memory_is_upstreams_where_it_is_configured": Break(
        ENGINE, 'plan.config.get_str("job-identifier", job_id)', "job_id"
    ),
    "test_configuration.py::test_what_cannot_be_honoured_is_refused": Break(
        PLAN, "refuse_unsupported(options)", "pass"
    ),
    "metrics are counted": Break(
        CONTEXT, "return self.engine.metrics.action(self._task.action)", "return self.engine.metrics.agent"
    ),
    "test_event_log.py::test_a_record_has_upstreams_shape_and_the_key": Break(LOG, '"key": key,', ""),
    "test_event_log.py::test_levels_of_types": Break(LOG, 'name = name.rpartition(".")[0]', 'name = ""'),
    "test_event_log.py::test_standard_cuts_and_verbose_does_not": Break(LOG, "truncated(node, self._limits)", "node"),
}


def main() -> int:
    """Break one after the other; 0 where each was noticed and none is missing."""
    document = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    rules = {row["proof"]: row["rule"] for row in _ROW.finditer(document)}
    wrong = [f"nothing breaks: {rules[proof]} ({proof})" for proof in rules if proof not in BREAKS]
    wrong += [f"no rule of this name: {proof}" for proof in BREAKS if proof not in rules]
    for proof in [proof for proof in BREAKS if proof in rules and (not sys.argv[1:] or sys.argv[1] in proof)]:
        outcome = _outcome(proof, BREAKS[proof])
        sys.stdout.write(f"{'ok' if not outcome else 'WRONG':5}  {proof}: {outcome or rules[proof]}\n")
        sys.stdout.flush()
        wrong += [proof] if outcome else []
    sys.stdout.write("\n".join(wrong) + f"\n{len(BREAKS)} breaks, {len(wrong)} wrong\n")
    return 1 if wrong else 0


def _outcome(proof: str, broken: Break) -> str:
    """Empty where the proof notices the break."""
    with tempfile.TemporaryDirectory() as directory:
        runtime = Path(directory) / "runtime"
        shutil.copytree(ROOT / "runtime", runtime, ignore=shutil.ignore_patterns("__pycache__"))
        path = runtime / _PACKAGE / broken.file
        source = path.read_text(encoding="utf-8")
        if source.count(broken.text) != 1:
            return f"the break does not fit {broken.file}: {source.count(broken.text)} times"
        path.write_text(source.replace(broken.text, broken.instead), encoding="utf-8")
        code, output = run_tests([*_tests(proof), "-q", "-x"], runtime=runtime, quiet=True)
    if code == 1:
        return ""
    return "not noticed" if code == 0 else f"pytest ended with {code}: {output[-300:]}"


def _tests(proof: str) -> list[str]:
    if proof.partition("::")[0].endswith(".py"):
        return [f"tests/runtime/{proof}"]
    return [f"tests/runtime/test_parity.py::test_a_case_without_flink[{proof}]"]


if __name__ == "__main__":
    sys.exit(main())
