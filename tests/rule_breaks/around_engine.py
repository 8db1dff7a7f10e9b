"""Breaks of the rules that are kept around the engine: options, logs, the local runtime, Flink, stores."""

from __future__ import annotations

from tests.rule_breaks.source import Break, swap, wrap

_OPTIONS, _CONFIGURATION = "config.options", "config.configuration:Configuration"
_EVENT_LOG, _JSON_LOG = "observe.event_log:EventLog", "observe.json_log:JsonLog"
_TRUNCATION = "observe.truncation"
_LOOP, _ENVIRONMENT = "local.loop:Loop", "local.environment"
_SHARED_VALUES = "original(*args, **kwargs)\nargs[0].conf_data = globals().setdefault('_shared', args[0].conf_data)"

CONFIGURATION: dict[str, Break | tuple[Break, ...]] = {
    "test_builtin_actions.py::test_each_action_calls_where_its_option_says": wrap(f"{_OPTIONS}:truth", "return True"),
    "test_builtin_actions.py::test_retry_waits_longer_each_time": wrap(
        f"{_OPTIONS}:integer", "return original(*args) + 1"
    ),
    "a model that fails is asked again": wrap(
        f"{_OPTIONS}:_word", "word = original(*args)\nreturn args[2][-1] if word in args[2] else word"
    ),
    "a model that fails is passed over": wrap(
        f"{_OPTIONS}:_word", "word = original(*args)\nreturn args[2][0] if word in args[2] else word"
    ),
    "a model that fails more often than it is asked": wrap(f"{_OPTIONS}:integer", "return original(*args) + 1"),
    "test_configuration.py::test_what_cannot_be_honoured_is_refused": wrap("plan.build:require_supported", "pass"),
    "test_configuration.py::test_each_value_tells_where_it_came_from": swap(
        f"{_CONFIGURATION}.load_from_file", "self._sources.get(key) != BY_HAND", "True"
    ),
    "test_configuration.py::test_a_plan_tells_the_same": swap(
        f"{_CONFIGURATION}._setting", "self._sources.get(key, BY_HAND)", "BY_HAND"
    ),
    "test_configuration.py::test_secrets_are_not_told": swap(f"{_CONFIGURATION}._setting", "is_secret(key)", "False"),
    "test_configuration.py::test_the_catalogue_is_what_the_installed_flink_agents_declares": swap(
        "config.catalogue", "'retry-wait-interval'", "'wait-interval'"
    ),
    "test_configuration.py::test_trap_words_for_false_are_false": wrap(
        f"{_OPTIONS}:truth", "original(*args)\nreturn bool(args[1])"
    ),
    "test_configuration.py::test_trap_the_case_of_a_word_does_not_matter": swap(
        f"{_OPTIONS}:_word", "seen.lower() == word.lower()", "seen == word"
    ),
    "test_configuration.py::test_trap_an_unknown_backend_is_an_error": wrap(
        f"{_OPTIONS}:_word", "try:\n    return original(*args)\nexcept OptionError:\n    return args[1]"
    ),
    "test_configuration.py::test_trap_the_wrong_place_is_an_error": wrap(
        "config.config_file:_refuse_misplaced", "pass"
    ),
    "test_configuration.py::test_trap_flink_conf_dir_leads_somewhere": wrap(
        f"{_CONFIGURATION}.load_from_flink", "pass"
    ),
    "test_configuration.py::test_trap_environments_share_nothing": wrap(f"{_CONFIGURATION}.__init__", _SHARED_VALUES),
}
OBSERVATION: dict[str, Break | tuple[Break, ...]] = {
    "test_metrics.py::test_events_that_the_log_shortens_are_counted": swap(
        f"{_JSON_LOG}._record_of_values", "self.on_truncated()", "pass"
    ),
    "test_event_log.py::test_a_record_has_upstreams_shape_and_the_key": wrap(
        f"{_JSON_LOG}.event_processed", "original(args[0], None, *args[2:])"
    ),
    "test_event_log.py::test_the_level_of_the_most_specific_type_applies": swap(
        f"{_EVENT_LOG}.level_of", "name.rpartition('.')[0]", "''"
    ),
    "test_event_log.py::test_off_creates_no_file": swap(f"{_JSON_LOG}.event_processed", "level == OFF", "False"),
    "test_event_log.py::test_standard_truncates_and_verbose_does_not": wrap(
        f"{_TRUNCATION}:truncated", "return args[0]"
    ),
    "test_event_log.py::test_truncated_strings_lists_and_objects_count_what_is_omitted": (
        wrap(f"{_TRUNCATION}:_cut_string", "return args[0]"),
        swap(f"{_TRUNCATION}:_cut_list", "value[:limit] if limit else value", "value"),
        swap(f"{_TRUNCATION}:_cut", "depth >= limits.depth", "depth > limits.depth"),
    ),
    "test_event_log.py::test_a_limit_of_zero_truncates_nothing": swap(
        f"{_TRUNCATION}:_cut", "limits.depth and depth >= limits.depth", "depth >= limits.depth"
    ),
    "test_configuration.py::test_the_kind_of_event_logger_is_honoured": swap(
        "observe.event_log:event_log", "not directory and kind == 'slf4j'", "False"
    ),
}
LOCAL: dict[str, Break | tuple[Break, ...]] = {
    "keys that look alike": swap(
        "local.loop:_identity",
        "key if type(key) is str else (json.dumps(key, sort_keys=True, default=str),)",
        "str(key)",
    ),
    "calls of two actions run at the same time": wrap(
        "local.pool:DaemonPool.__init__", "original(args[0], 1, *args[2:])"
    ),
    "no more calls at a time than threads": wrap("local.pool:DaemonPool.__init__", "original(args[0], 8, *args[2:])"),
    "test_local_host.py::test_k_and_v_are_short_names_and_a_missing_key_is_unique": (
        swap("local.loop:_key_and_value", "UUID(int=index)", "__import__('uuid').uuid4()"),
        swap("local.loop:_key_and_value", "'value' if 'value' in record else 'v'", "'value'"),
        swap("local.loop:_key_and_value", "'key' if 'key' in record else 'k'", "'key'"),
    ),
    "test_environment.py::test_an_environment_may_have_several_pipelines": wrap(
        f"{_ENVIRONMENT}:LocalEnvironment.execute", "del args[0]._pipelines[1:]\noriginal(*args, **kwargs)"
    ),
    "test_environment.py::test_streams_and_tables_are_refused_with_the_next_step": wrap(
        f"{_ENVIRONMENT}:LocalEnvironment.from_datastream", "pass"
    ),
    "test_environment.py::test_a_script_for_upstreams_local_environment_runs": wrap(
        f"{_ENVIRONMENT}:_Pipeline.take", "args[0].outputs.append(args[1].value)"
    ),
    "test_local_host.py::test_keys_take_turns_in_the_order_of_their_arrival": swap(
        "local.order:Turns.next", "self.ready.popleft", "self.ready.pop"
    ),
    "test_local_host.py::test_equal_seeds_give_equal_orders_and_others_differ": (
        wrap("local.order:Seeded.__init__", "original(args[0], 0)"),
        wrap("local.order:Seeded.__init__", "original(args[0], None)"),
    ),
    "test_local_host.py::test_a_missed_deadline_names_the_awaited_actions": wrap(
        f"{_LOOP}.unfinished", "return tuple(Unfinished(at.key, at.action) for at in original(*args))"
    ),
    "test_streaming.py::test_a_long_run_reports_its_progress": wrap("local.progress:Progress._watch", "pass"),
    "test_patch.py::test_without_flink_each_call_returns_a_new_local_environment": swap(
        "local.patch:patch_environment", "env is None", "env is None and t_env"
    ),
    "test_action_store.py::test_a_finished_run_leaves_no_records": swap(f"{_LOOP}.run", "self._store.finish()", "pass"),
}
ON_FLINK: dict[str, Break | tuple[Break, ...]] = {
    "test_operator.py::test_memory_is_in_flinks_state_after_each_record": swap(
        "on_flink.operator:AgentOperator._keep", "self._state.update(snapshot)", "pass"
    ),
    "test_operator.py::test_at_the_end_of_the_input_waiting_keys_take_turns": swap(
        "on_flink.operator:AgentOperator._poll_later", "_END_OF_INPUT_MS + self._turns_at_end", "_END_OF_INPUT_MS"
    ),
    "test_action_store.py::test_a_memory_store_reads_from_a_marker_and_drops_and_prunes": (
        wrap("stores.memory:MemoryStore.rebuild", "return original(args[0])"),
        swap("stores.memory:MemoryStore.prune", "other <= sequence", "other < sequence"),
    ),
}
BREAKS_AROUND_ENGINE = CONFIGURATION | OBSERVATION | LOCAL | ON_FLINK
