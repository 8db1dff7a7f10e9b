"""Breaks of the rules that the engine keeps: order, events, memory, calls, failures, recovery."""

from __future__ import annotations

from tests.rule_breaks.source import Break, swap, wrap

_RUN, _CONTEXT, _DURABLE = "engine.run:KeyRun", "engine.context:ActionContext", "engine.durable:DurableCalls"
_MEMORY, _OVERLAY, _EXPIRING = "engine.memory:KeyMemory", "engine.memory:Overlay", "engine.expiry:_ExpiringOverlay"
_RECORDED, _RECORD, _AWAITABLE = "engine.recorded:RecordedRun", "engine.action_record", "engine.calls:AwaitableCall"
_FUTURE_LOST = swap(f"{_AWAITABLE}._resolve", "return future.result()", "return None if error else future.result()")

ORDER: dict[str, Break | tuple[Break, ...]] = {
    "one input of a key at a time": swap(f"{_RUN}.step", "not state.tasks", "state.inputs or not state.tasks"),
    "breadth first": (
        swap(f"{_RUN}._process", "state.tasks.append", "state.tasks.appendleft"),
        swap(
            f"{_RUN}._process",
            "engine.listeners.get(event_type, ())",
            "reversed(engine.listeners.get(event_type, ()))",
        ),
    ),
    "an unfinished action goes to the tail": swap(f"{_RUN}._take_ready_task", "tasks.rotate(-1)", "return None"),
    "test_run_order.py::test_an_action_whose_call_is_over_comes_last_all_the_same": swap(
        f"{_RUN}._run", "self.state.tasks.append", "self.state.tasks.appendleft"
    ),
    "what is sent before an await": swap(
        f"{_RUN}._run", "attempt.take_sent()", "attempt.take_sent() if finished else ()"
    ),
    "a key does not wait for another": swap(
        f"{_RUN}._take_ready_task", "tasks.rotate(-1)", "attempt.future.exception()\nreturn tasks.popleft()"
    ),
    "test_random_agents.py::test_outputs_and_memory_of_a_key_do_not_depend_on_threads_and_other_keys": swap(
        "engine.state:KeyState",
        "short_term: Store = field(default_factory=dict)",
        "short_term: Store = field(default_factory=lambda shared={}: shared)",
    ),
    "inputs that trigger nothing": wrap(
        f"{_RUN}._begin_run", "original(*args)\nif not args[0].state.tasks:\n    args[0].state.inputs.clear()"
    ),
    "test_local_host.py::test_a_seeded_run_keeps_the_order_within_a_key": swap(
        f"{_RUN}.step", "state.inputs.popleft", "state.inputs.pop"
    ),
}
EVENTS: dict[str, Break | tuple[Break, ...]] = {
    "events arrive as base events, through JSON": wrap(
        "engine.event_text:event_of",
        "event = original(*args)\nif event.type == 'noted':\n    event.attributes['pair'] = (1, 2)\nreturn event",
    ),
    "models become mappings": wrap(
        "engine.event_text:event_of",
        "event = original(*args)\n"
        "event.attributes = {k: list(v) if k == 'order' else v for k, v in event.attributes.items()}\nreturn event",
    ),
    "each listener gets an event of its own": wrap(
        "engine.sealed:SealedEvent.open",
        "event = args[0]\nshared = globals().setdefault('_shared', {})\n"
        "return shared.setdefault(id(event), (event, original(event)))[1]",
    ),
    "equal events have equal ids": wrap(
        "engine.sealed:SealedEvent.open",
        "event = original(*args)\nvars(event)['id'] = __import__('uuid').uuid4()\nreturn event",
    ),
    "an event that nobody listens to": swap(
        f"{_RUN}._process", "engine.listeners.get(event_type, ())", "engine.listeners[event_type]"
    ),
    "an output is one by its type": swap(
        f"{_RUN}._process", "event_type == _OUTPUT", "event_type in (_OUTPUT, 'disguised')"
    ),
    "several outputs of one run": wrap(f"{_CONTEXT}.take_sent", "return original(*args)[:1]"),
    "test_run_order.py::test_the_time_stamp_of_the_input_goes_to_its_outputs": wrap(
        f"{_RUN}.offer", "original(*args[:2], None)"
    ),
    "an event that is not JSON": wrap(
        f"{_CONTEXT}.send_event", "try:\n    original(*args)\nexcept TypeError:\n    pass"
    ),
}
MEMORY: dict[str, Break | tuple[Break, ...]] = {
    "how long memory lives": wrap(f"{_RUN}._end_run", "original(*args)\nargs[0].state.short_term.clear()"),
    "test_memory.py::test_sensory_memory_is_cleared_at_the_end_of_the_run": swap(
        f"{_RUN}._end_run", "state.sensory.clear()", "pass"
    ),
    "a write counts when its action has finished": wrap(
        f"{_OVERLAY}.write", "original(*args)\nargs[0]._store[args[1]] = args[2]"
    ),
    "the last to finish has the last word": swap(
        f"{_OVERLAY}.commit",
        "self._store.update(self._written)",
        "self._store.update({k: v for k, v in self._written.items() if k not in self._store})",
    ),
    "values are copied in and out": wrap("engine.memory:_copied", "return args[0]"),
    "paths and objects": wrap(f"{_MEMORY}.get_field_names", "return []"),
    "a reference leads to its value": wrap(
        f"{_MEMORY}.set",
        "made = original(*args)\nreturn MemoryRef(memory_type=made.memory_type, path=args[1])",
    ),
    "a value that memory does not take": swap(f"{_MEMORY}.set", "validate_memory_value(path, value)", "pass"),
    "a value does not replace an object": swap(
        f"{_MEMORY}.set", "isinstance(self._overlay.read(absolute), dict)", "False"
    ),
    "test_memory.py::test_a_refused_write_leaves_nothing": swap(
        f"{_MEMORY}._enter_in_parents", "isinstance(self._overlay.read(parent), tuple)", "False"
    ),
    "test_expiry.py": wrap(
        "engine.expiry:Expiry.is_over", "return original(args[0], None if args[1] is None else args[1] + 1)"
    ),
    "test_expiry.py::test_a_read_begins_the_time_anew_where_the_option_says_so": swap(
        f"{_EXPIRING}.read", "self._expiry.on_read", "True"
    ),
    "test_expiry.py::test_what_has_expired_can_be_read_once_where_the_option_says_so": swap(
        f"{_EXPIRING}.read", "self._expiry.returns_expired", "False"
    ),
    "test_expiry.py::test_what_has_expired_is_removed_when_a_run_ends": wrap("engine.expiry:Expiry.sweep", "pass"),
    "test_expiry.py::test_a_restart_does_not_make_memory_younger": swap(
        "engine.state:KeyState.snapshot", "self.touched", "{}"
    ),
    "test_context.py::test_long_term_memory_names_its_options": wrap(
        "engine.shared:SharedParts._open_long_term_memory",
        "try:\n    return original(*args)\nexcept RuntimeError:\n    raise RuntimeError('not configured') from None",
    ),
    "test_context.py::test_long_term_memory_is_upstreams_where_it_is_configured": swap(
        "engine.shared:SharedParts.__init__", "plan.config.get_str('job-identifier', job_id)", "job_id"
    ),
}
CALLS: dict[str, Break | tuple[Break, ...]] = {
    "results and exceptions of durable calls": wrap(
        f"{_CONTEXT}.durable_execute",
        "try:\n    return original(*args, **kwargs)\nexcept Exception as error:\n    raise RuntimeError(str(error)) from error",
    ),
    "a call begins when it is awaited": wrap(f"{_AWAITABLE}.__init__", "original(*args)\nargs[2](*args[3], **args[4])"),
    "test_durable.py::test_a_recorded_call_is_replayed": wrap(f"{_DURABLE}._earlier", "original(*args)\nreturn None"),
    "test_durable.py::test_a_recorded_exception_is_raised_again": wrap(
        "engine.durable:DurableCall.replay",
        "try:\n    return original(*args)\nexcept Exception as error:\n    return error",
    ),
    "test_durable.py::test_another_call_drops_this_and_later_records": (
        swap(f"{_DURABLE}.enter", "del self._records[self._next - 1 :]", "pass"),
        wrap("engine.durable:_args_digest", "return ''"),
    ),
    "test_durable.py::test_equal_arguments_are_the_same_call": wrap(
        "engine.durable:_pickled_by_value", "return cloudpickle.dumps(*args)"
    ),
    "test_durable.py::test_what_cannot_be_pickled_ends_the_recording": swap(
        f"{_DURABLE}.finish", "self._recording = False", "pass"
    ),
    "test_action_store.py::test_a_pending_call_runs_its_reconciler_after_a_crash": swap(
        f"{_DURABLE}.enter", "(reserve or reconciler is not None) and self._recording", "False"
    ),
    "test_durable.py::test_a_reconciler_answers_for_a_call_left_pending": swap(
        f"{_DURABLE}.enter",
        "DurableCall(self, earlier, partial(durably, reconciler))",
        "DurableCall(self, earlier, partial(durably, lambda: func(*args, **kwargs)))",
    ),
    "a model that fails": _FUTURE_LOST,
    "a tool that fails": _FUTURE_LOST,
    "a model asks for a tool, without asynchronous calls": wrap(
        f"{_CONTEXT}.durable_execute", "original(*args, **kwargs)\nreturn None"
    ),
    "a model asks for a tool": swap(f"{_RUN}._process", "self._count_tool_round()", "return"),
    "test_builtin_actions.py::test_a_model_that_asks_for_tools_for_ever_comes_to_an_end": wrap(
        f"{_RUN}._count_tool_round",
        "original(*args)\nargs[0]._tool_rounds += 1",
    ),
}
CONTEXT: dict[str, Break | tuple[Break, ...]] = {
    "test_operator_fidelity.py::test_a_row_as_output_is_a_mapping_or_a_list": wrap(
        "engine.event_text:without_rows", "return args[0]"
    ),
    "test_operator_fidelity.py::test_what_the_operator_fails_is_a_failure": (
        wrap("engine.sealed:check_fields", "pass"),
        wrap("engine.memory:_checked", "return args[0]"),
        swap(f"{_RUN}._advance", "raise _wrong_result(task.action, result)", "return True"),
    ),
    "a call must not use the context": wrap(f"{_CONTEXT}.running", "return args[0]"),
    "a thread of one's own must not use the context": wrap(f"{_CONTEXT}.running", "return args[0]"),
    "test_context.py::test_a_context_is_closed_after_its_action": swap(
        f"{_RUN}._run", "attempt.thread = self._engine.stepping = None", "pass"
    ),
    "a generator lets others run at each yield": swap(
        f"{_RUN}._run", "self.state.tasks.append(task)", "self.state.tasks.appendleft(task)"
    ),
    "test_context.py::test_a_resource_is_bound_to_the_actions_metrics": (
        swap(f"{_CONTEXT}.get_resource", "context.action_metric_group", "context.agent_metric_group"),
        swap(f"{_CONTEXT}.get_resource", "metric_group or context.action_metric_group", "context.action_metric_group"),
    ),
    "options of action and agent": wrap(f"{_CONTEXT}.get_action_config_value", "return None"),
    "metrics are counted": wrap(f"{_CONTEXT}.action_metric_group", "return args[0].engine.metrics.agent"),
    "test_context.py::test_metrics_of_actions_are_there_before_they_run": wrap(
        "engine.metrics:AgentMetrics.__init__", "original(*args[:2], [name for name in args[2] if '_' not in name])"
    ),
    "test_metrics.py::test_a_run_counts_events_and_actions": (
        wrap("engine.metrics:MemoryMetricGroup.rated_counter", "return original(args[0], args[1] + 's')"),
        swap("engine.metrics:AgentMetrics.run_ended", "self._run_latency", "id"),
    ),
}
FAILURES: dict[str, Break | tuple[Break, ...]] = {
    "test_endless_runs.py::test_a_run_with_too_many_events_is_a_failure_with_action_key_and_input": swap(
        f"{_RUN}._process", "raise _endless_run(engine.max_run_events, event_type)", "return None"
    ),
    "an action that raises fails the job": swap(f"{_RUN}.step", "BaseException", "SystemExit"),
    "test_bad_input.py::test_a_failure_names_agent_action_key_and_input_and_keeps_other_outputs": wrap(
        "engine.failure:ActionFailure.__init__", "original(*args, **{**kwargs, 'agent': ''})"
    ),
    "a poisoned input among good ones": wrap(
        "engine.failure:ActionFailure.__init__", "original(args[0], args[1], 'a', *args[3:], **kwargs)"
    ),
    "test_bad_input.py::test_execute_raises_the_failure_and_the_list_keeps_the_outputs": swap(
        f"{_RUN}._run", "attempt.memories or attempt.misused", "attempt.memories"
    ),
    "asyncio is refused": swap(
        "engine.run:_next_await", "raise RuntimeError(_ASYNCIO_ERROR_MESSAGE) from error", "raise StopIteration"
    ),
    "test_run_order.py::test_asyncio_is_refused_with_upstreams_words": swap(
        "engine.run:_next_await", "raise RuntimeError(_ASYNCIO_ERROR_MESSAGE) from error", "raise"
    ),
    "test_run_order.py::test_a_failure_tells_action_key_input_and_place": wrap(
        "engine.failure:ActionFailure.__init__", "original(*args[:3], None, *args[4:], **kwargs)"
    ),
    "test_plan.py::test_java_parts_need_a_java": swap("java.parts:_setup", "not java", "False"),
}
RECOVERY: dict[str, Break | tuple[Break, ...]] = {
    "test_checkpoint.py::test_an_action_in_flight_runs_again_from_its_first_line": swap(
        f"{_RUN}._run", "self.state.tasks.append(task)", "self.state.tasks.append(task)\nattempt.commit()"
    ),
    "test_checkpoint.py::test_finished_durable_calls_replay_after_a_restart": wrap(
        "engine.state:_plain_task", "text, action, _, *at = original(*args)\nreturn (text, action, [], *at)"
    ),
    "test_checkpoint.py::test_waiting_inputs_and_sequence_survive": swap(
        "engine.state:KeyState.snapshot", "self.inputs", "()"
    ),
    "test_action_store.py::test_completed_actions_are_replayed_and_not_run": swap(
        f"{_RECORDED}._run", "record.completed", "False"
    ),
    "test_action_store.py::test_no_completed_action_runs_again_after_a_crash_at_any_point": swap(
        f"{_RECORDED}._advance", "self._put(task, record)", "pass"
    ),
    "test_action_store.py::test_records_of_keys_of_different_types_are_separate": wrap(
        f"{_RECORD}:key_text", "return str(args[0])"
    ),
    "test_action_store.py::test_identities_are_unique_and_stable_across_versions": wrap(
        f"{_RECORD}:position_below",
        "sender, index = args\nreturn digest_of(sender.position + sender.action + str(index))",
    ),
    "test_action_store.py::test_equal_events_of_one_action_are_two_executions": wrap(
        f"{_RECORD}:position_below", "return original(args[0], 0)"
    ),
    "test_action_store.py::test_a_key_with_another_input_drops_its_later_records": swap(
        f"{_RECORDED}._recover", "self._store.drop(self._key_text, sequence)", "pass"
    ),
    "test_action_store.py::test_completed_async_actions_are_replayed_in_the_order_they_ended": wrap(
        f"{_RECORDED}._another_was_first", "return False"
    ),
    "test_action_store.py::test_an_outcome_that_cannot_be_recorded_fails_the_action": wrap(
        "engine.recorded:RecordedCalls._unrecordable", "pass"
    ),
    "test_action_store.py::test_a_foreign_record_is_refused": swap(
        f"{_RECORD}:ActionRecord.from_bytes", "(ValueError, TypeError, KeyError, AttributeError)", "OSError"
    ),
}
ENGINE_BREAKS = ORDER | EVENTS | MEMORY | CALLS | CONTEXT | FAILURES | RECOVERY
