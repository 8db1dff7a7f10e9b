"""Break each rule of docs/semantics.md, and each row of docs/differences.md, and see its proof fail: ``make break-rules``.

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
STATE, PLAN, ENGINE, TEXT = "engine/state.py", "plan/build.py", "engine/engine.py", "engine/event_text.py"
LOG, HOST, LOOP, SEALED = "observe/event_log.py", "local/host.py", "local/loop.py", "engine/sealed.py"

METRICS, TRUNCATION, ORDER, EXPIRY = "engine/metrics.py", "observe/truncation.py", "local/order.py", "engine/expiry.py"
OPTIONS, CONFIGURATION, FILE = "config/options.py", "config/configuration.py", "config/config_file.py"
ENVIRONMENT = "local/environment.py"
RECORDED, RECORD, STORE, OPERATOR = (
    "engine/recorded.py",
    "engine/action_record.py",
    "stores/memory.py",
    "on_flink/operator.py",
)

# What proves the rule -> what breaks it, each way by itself.
BREAKS: dict[str, Break | tuple[Break, ...]] = {
    "one input of a key at a time": Break(RUN, "while not state.tasks:", "while state.inputs or not state.tasks:"),
    "breadth first": (
        Break(RUN, "state.tasks.append(Task(event, action, []))", "state.tasks.appendleft(Task(event, action, []))"),
        Break(RUN, "in engine.listeners.get(event_type, ()):", "in reversed(engine.listeners.get(event_type, ())):"),
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
        SEALED, '(event, {"id": self._id,', '(event, {"id": __import__("uuid").uuid4(),'
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
    "test_memory.py::test_a_refused_write_leaves_nothing": Break(
        MEMORY, "if isinstance(self._overlay.read(parent), tuple):", "if False:"
    ),
    "test_expiry.py": Break(
        EXPIRY, "touched_ms + self._ttl_ms <= self.now_ms()", "touched_ms + self._ttl_ms < self.now_ms()"
    ),
    "test_expiry.py::test_a_read_begins_the_time_anew_where_the_option_says_so": Break(
        EXPIRY, "if self._expiry.on_read:", "if True:"
    ),
    "test_expiry.py::test_what_has_expired_can_be_read_once_where_the_option_says_so": Break(
        EXPIRY, "item if self._expiry.returns_expired else None", "None"
    ),
    "test_expiry.py::test_what_has_expired_is_removed_when_a_run_ends": Break(
        RUN, "engine.expiry.sweep(state)", "pass"
    ),
    "test_expiry.py::test_a_restart_does_not_make_memory_younger": Break(
        STATE, "                self.touched,\n", "{},"
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
    "test_durable.py::test_another_call_drops_this_and_later_records": (
        Break(DURABLE, "del self._records[self._next - 1 :]", "pass"),
        Break(DURABLE, "== (record.function_id, record.args_digest):", "== (record.function_id, earlier.args_digest):"),
    ),
    "test_durable.py::test_equal_arguments_are_the_same_call": Break(
        DURABLE, "    pickler.fast = True\n", "    pickler.fast = False\n"
    ),
    "test_durable.py::test_what_cannot_be_pickled_ends_the_recording": Break(
        DURABLE, "            self._recording = False\n", ""
    ),
    "test_action_store.py::test_a_pending_call_asks_its_reconciler_after_a_crash": Break(
        DURABLE, "if reconciler is not None and self._recording:", "if False:"
    ),
    "test_durable.py::test_a_reconciler_answers_for_a_call_left_pending": Break(
        DURABLE,
        "return DurableCall(self, earlier, reconciler)",
        "return DurableCall(self, earlier, lambda: func(*args, **kwargs))",
    ),
    "test_checkpoint.py::test_an_action_in_flight_runs_again_from_its_first_line": Break(
        RUN, "self.state.tasks.append(task)", "self.state.tasks.append(task)\n            attempt.commit()"
    ),
    "test_checkpoint.py::test_finished_durable_calls_replay_after_a_restart": Break(
        STATE, "[_plain_call(call) for call in task.calls]", "[]"
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
    "asyncio is refused": Break(RUN, "raise RuntimeError(_ASYNCIO_ERROR_MESSAGE) from error", "return None"),
    "test_run_order.py::test_asyncio_is_refused_with_upstreams_words": Break(
        RUN, "raise RuntimeError(_ASYNCIO_ERROR_MESSAGE) from error", "raise"
    ),
    "a call must not use the context": Break(CONTEXT, "if self.thread != get_ident():\n", "if False:\n"),
    "a thread of one's own must not use the context": Break(CONTEXT, "if self.thread != get_ident():\n", "if False:\n"),
    "test_context.py::test_a_context_is_closed_after_its_action": Break(RUN, "attempt.thread = None", "pass"),
    "a generator is no action": Break(
        RUN, "if inspect.isgenerator(result) or inspect.isasyncgen(result):", "if False:"
    ),
    "test_context.py::test_a_resource_is_bound_to_the_actions_metrics": (
        Break(CONTEXT, "metric_group or self.action_metric_group", "metric_group or self.agent_metric_group"),
        Break(CONTEXT, "metric_group or self.action_metric_group", "self.action_metric_group"),
    ),
    "test_local_host.py::test_short_names_and_missing_keys": (
        Break(LOOP, "str(UUID(int=index))", 'str(__import__("uuid").uuid4())'),
        Break(LOOP, '"value" if "value" in record else "v"', '"value"'),
        Break(LOOP, '"key" if "key" in record else "k"', '"key"'),
    ),
    "test_environment.py::test_an_environment_may_have_several_lists": Break(
        ENVIRONMENT, "in enumerate(self._pipelines):", "in enumerate(self._pipelines[:1]):"
    ),
    "test_environment.py::test_what_belongs_to_flink_is_refused": Break(
        ENVIRONMENT, "; pass a StreamExecutionEnvironment", "; pass another environment"
    ),
    "test_environment.py::test_a_script_for_upstreams_local_environment_runs": Break(
        ENVIRONMENT, "append({output.key: output.value})", "append(output.value)"
    ),
    "test_run_order.py::test_a_failure_tells_action_key_input_and_place": Break(
        RUN, "task.action, self.key, self.current_input, error", "task.action, self.key, None, error"
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
    "test_builtin_actions.py::test_each_action_calls_where_its_option_says": Break(
        OPTIONS, 'return word == "true"', "return True"
    ),
    "test_builtin_actions.py::test_a_model_that_asks_for_tools_for_ever_comes_to_an_end": Break(
        RUN, "self._tool_rounds > most:", "self._tool_rounds > most + 1:"
    ),
    "test_builtin_actions.py::test_retry_waits_longer_each_time": Break(
        OPTIONS, "    return number\n", "    return number + 1\n"
    ),
    "a model that fails": Break(
        CONTEXT,
        "call.finish(None if error else future.result(), error)\n        return future.result()",
        "call.finish(None if error else future.result(), error)\n        return None if error else future.result()",
    ),
    "a model that fails is asked again": Break(
        "config/options.py", "            return word\n", "            return words[-1]\n"
    ),
    "a model that fails is passed over": Break(
        "config/options.py", "            return word\n", "            return words[0]\n"
    ),
    "a model that fails more often than it is asked": Break(
        "config/options.py", "    return number\n", "    return number + 1\n"
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
    "test_metrics.py::test_a_run_counts_events_and_actions": (
        Break(METRICS, 'f"{name}PerSec"', 'f"{name}PerSecond"'),
        Break(METRICS, "self._run_latency((", "id(("),
    ),
    "test_metrics.py::test_events_that_the_log_shortens_are_counted": Break(LOG, "self.on_truncated()", "pass"),
    "metrics are counted": Break(
        CONTEXT, "return self.engine.metrics.action(self._task.action)", "return self.engine.metrics.agent"
    ),
    "test_event_log.py::test_a_record_has_upstreams_shape_and_the_key": Break(LOG, '"key": key,', ""),
    "test_event_log.py::test_levels_of_types": Break(LOG, 'name = name.rpartition(".")[0]', 'name = ""'),
    "test_event_log.py::test_off_writes_nothing": Break(LOG, "if level == OFF:", "if level is None:"),
    "test_event_log.py::test_standard_cuts_and_verbose_does_not": Break(LOG, "truncated(node, self._limits)", "node"),
    "test_event_log.py::test_the_three_cuts": (
        Break(TRUNCATION, "value[:limit] +", "value +"),
        Break(TRUNCATION, "value[:limit]]", "value]"),
        Break(TRUNCATION, "depth >= limits.depth", "depth > limits.depth"),
    ),
    "test_event_log.py::test_zero_is_no_limit": Break(TRUNCATION, "if limits.depth and depth", "if depth"),
    "test_configuration.py::test_the_kind_of_event_logger_is_honoured": Break(
        LOG, 'if not directory and kind == "slf4j":', "if False:"
    ),
    "test_configuration.py::test_each_value_tells_where_it_came_from": Break(
        CONFIGURATION, "if self._sources.get(key) != BY_HAND:", "if True:"
    ),
    "test_configuration.py::test_a_plan_tells_the_same": Break(
        CONFIGURATION, "value, self._sources.get(key, BY_HAND), note", "value, BY_HAND, note"
    ),
    "test_configuration.py::test_secrets_are_not_told": Break(CONFIGURATION, '"***" if is_secret(key) else ', ""),
    "test_configuration.py::test_the_catalogue_is_what_the_installed_flink_agents_declares": Break(
        "config/catalogue.py", '"max-retries", "whole number", 3', '"max-retries", "whole number", 4'
    ),
    "test_configuration.py::test_trap_words_for_false_are_false": Break(
        OPTIONS, 'return word == "true"', "return bool(word)"
    ),
    "test_configuration.py::test_trap_the_case_of_a_word_does_not_matter": Break(
        OPTIONS, "seen.lower() == word.lower()", "seen == word"
    ),
    "test_configuration.py::test_trap_an_unknown_backend_is_an_error": Break(
        OPTIONS, '    raise OptionError(key, seen, "one of', '    return seen\n    raise OptionError(key, seen, "one of'
    ),
    "test_configuration.py::test_trap_the_wrong_place_is_an_error": Break(
        FILE, "            _refuse_misplaced(path_in_file, where)\n", ""
    ),
    "test_configuration.py::test_trap_flink_conf_dir_leads_somewhere": Break(
        CONFIGURATION, 'directory = os.environ.get("FLINK_CONF_DIR")', "directory = None"
    ),
    "test_configuration.py::test_trap_environments_share_nothing": Break(
        CONFIGURATION,
        "        self.add(values or {}, source)",
        "        self.conf_data = vars(flat)\n        self.add(values or {}, source)",
    ),
    "test_local_host.py::test_keys_go_by_turns_in_the_order_they_came": Break(
        ORDER, "return self.ready.popleft() if", "return self.ready.pop() if"
    ),
    "test_local_host.py::test_the_same_seed_is_the_same_order_and_others_differ": (
        Break(ORDER, "Random(seed)", "Random(0)"),
        Break(ORDER, "Random(seed)", "Random()"),
    ),
    "test_local_host.py::test_a_seeded_run_keeps_the_order_within_a_key": Break(
        RUN, "self._begin_run(state.inputs.popleft())", "self._begin_run(state.inputs.pop())"
    ),
    "test_local_host.py::test_a_deadline_names_what_is_awaited": Break(
        LOOP, "run.current_input) for run in runs for action", "None) for run in runs for action"
    ),
    "test_streaming.py::test_a_long_run_tells_how_far_it_is": Break(
        "local/progress.py", "self._tell(self._line())", "self._line()"
    ),
    "test_routing.py::test_the_door_without_flink_leads_here": Break(
        "local/routing.py", "if env is None:", "if env is None and t_env:"
    ),
    "test_operator.py::test_memory_is_in_flinks_state_after_each_record": Break(
        OPERATOR, "self._state.update(snapshot)", "pass"
    ),
    "test_operator.py::test_at_the_end_of_the_input_waiting_keys_take_turns": Break(
        OPERATOR, "_END_OF_INPUT_MS + self._turns_at_end)", "_END_OF_INPUT_MS)"
    ),
    "test_action_store.py::test_completed_actions_are_replayed_not_run": Break(
        RECORDED, "                if record.completed:\n", "                if False:\n"
    ),
    "test_action_store.py::test_a_crash_at_each_point_runs_nothing_completed_again": Break(
        RECORDED, "            self._put(task, record)\n", ""
    ),
    "test_action_store.py::test_keys_are_told_apart_by_type_and_may_hold_anything": Break(
        RECORD, "return json.dumps(key, sort_keys=True, default=str)", "return str(key)"
    ),
    "test_action_store.py::test_identities_do_not_collide_and_stay": Break(
        RECORD, "json.dumps([sender.position, sender.action, index])", "sender.position + sender.action + str(index)"
    ),
    "test_action_store.py::test_equal_events_of_one_action_are_two_executions": Break(
        RECORD, "sender.action, index]", "sender.action]"
    ),
    "test_action_store.py::test_a_key_that_goes_another_way_drops_its_later_records": Break(
        RECORDED, "self._store.drop(self._key_text, sequence)", "pass"
    ),
    "test_action_store.py::test_completed_async_actions_come_back_in_the_order_they_ended": Break(
        RECORDED, "other.rank < record.rank", "False"
    ),
    "test_action_store.py::test_what_cannot_be_recorded_fails_the_action": Break(
        RECORDED, "        self._context.refuse(error)\n", ""
    ),
    "test_action_store.py::test_a_run_that_came_to_its_end_leaves_nothing": Break(LOOP, "self._store.finish()", "pass"),
    "test_action_store.py::test_a_memory_store_reads_from_a_marker_and_forgets_what_it_is_told": (
        Break(STORE, "if number >= (marker or 0):", "if True:"),
        Break(STORE, "other <= sequence", "other < sequence"),
    ),
    "test_action_store.py::test_a_foreign_record_is_refused": Break(
        RECORD, "except (ValueError, TypeError, KeyError, AttributeError) as error:", "except OSError as error:"
    ),
}


def proven_rules() -> dict[str, str]:
    """Proof -> rule, of both documents."""
    documents = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("differences.md", "semantics.md"))
    return {row["proof"]: row["rule"] for document in documents for row in _ROW.finditer(document)}


def all_breaks() -> list[tuple[str, Break]]:
    """Each proof with each of its breaks."""
    return [(proof, each) for proof, ways in BREAKS.items() for each in ((ways,) if isinstance(ways, Break) else ways)]


def times_in_source(broken: Break) -> int:
    """How often the text that a break replaces is there; once is right."""
    return (ROOT / "runtime" / _PACKAGE / broken.file).read_text(encoding="utf-8").count(broken.text)


def main() -> int:
    """Break one after the other; 0 where each was noticed and none is missing."""
    rules = proven_rules()
    wrong = [f"nothing breaks: {rules[proof]} ({proof})" for proof in rules if proof not in BREAKS]
    wrong += [f"no rule of this name: {proof}" for proof in BREAKS if proof not in rules]
    broken = all_breaks()
    for proof, each in broken:
        if proof not in rules or not any(word in proof for word in sys.argv[1:] or [proof]):
            continue
        outcome = _outcome(proof, each)
        sys.stdout.write(f"{'ok' if not outcome else 'WRONG':5}  {proof}: {outcome or rules[proof]}\n")
        sys.stdout.flush()
        wrong += [proof] if outcome else []
    sys.stdout.write("\n".join(wrong) + f"\n{len(broken)} breaks, {len(wrong)} wrong\n")
    return 1 if wrong else 0


def _outcome(proof: str, broken: Break) -> str:
    """Empty where the proof notices the break."""
    with tempfile.TemporaryDirectory() as directory:
        runtime = Path(directory) / "runtime"
        shutil.copytree(ROOT / "runtime", runtime, ignore=shutil.ignore_patterns("__pycache__"))
        path = runtime / _PACKAGE / broken.file
        if times_in_source(broken) != 1:
            return f"the break does not fit {broken.file}: {times_in_source(broken)} times"
        source = path.read_text(encoding="utf-8")
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
