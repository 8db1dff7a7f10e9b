"""An agent that fails on upstream's operator fails here, and one that passes there passes here."""

import operator_agents
import pytest
from agent_run import failure_of, outputs_of, run

USING, CATCHING = "operator_agents:Using", "operator_agents:Catching"


@pytest.fixture(autouse=True)
def _nothing_kept():
    operator_agents.KEPT.clear()


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        ("key", "AttributeError", "'key'"),
        ("extra property", "RuntimeError", "has the field note"),
        ("extra property of an output", "RuntimeError", "put the value into attributes"),
        ("field of a subclass", "RuntimeError", "has the field price"),
        ("empty type", "RuntimeError", "with an empty type"),
        ("input event", "RuntimeError", "'_input_event', which only the engine may create"),
        ("event of the input's type", "RuntimeError", "which only the engine may create"),
        ("int result", "TypeError", "returned int, but an action must return None"),
        ("event as result", "TypeError", "returned OutputEvent, but an action must return None"),
        ("int beyond 64 bits", "ValueError", "more than 64 bits"),
        ("int beyond 64 bits in a list", "ValueError", "more than 64 bits"),
        ("path a.", "ValueError", "'a.' ends with an empty name"),
        ("path .", "ValueError", "'.' ends with an empty name"),
        ("path ..", "ValueError", "'..' ends with an empty name"),
        ("empty path below an object", "ValueError", "'a.' ends with an empty name"),
        ("no options", "AttributeError", "action 'use' has no options"),
    ],
)
def test_what_the_operator_fails_is_a_failure(use, kind, text):
    failure = failure_of(USING, ("k", use))
    assert type(failure.original).__name__ == kind
    assert text in str(failure.original)
    assert (failure.action, failure.key, failure.input) == ("use", "k", use)


@pytest.mark.parametrize("use", ["source time stamp", "largest int"])
def test_what_the_operator_accepts_is_no_failure(use):
    assert run(USING, ("k", use)).failure is None


def test_a_sent_input_event_fails_the_job_even_if_the_action_catches_the_error():
    assert "which only the engine may create" in str(failure_of(CATCHING, ("k", "input event")))


def test_an_action_may_catch_the_error_of_an_event_that_cannot_be_sent():
    assert run(CATCHING, ("k", "extra property")).failure is None
    assert [type(error) for error in operator_agents.KEPT] == [RuntimeError]


def test_a_reference_works_as_a_mapping_and_below_the_object_that_is_asked():
    ((_, output),) = outputs_of("operator_agents:Referring", ("k", 1))
    assert output == {"by mapping": "long", "nested": "nested", "nested by mapping": "long", "none": None}


def test_a_row_as_output_is_a_mapping_or_a_list():
    outputs = [value for _, value in outputs_of("operator_agents:Rows", ("k", 1))]
    assert outputs == [{"id": "p", "score": 2}, {"rows": [[1, "x"]], "other": {"type": "Row"}}]


def test_each_yield_of_a_generator_lets_other_actions_run():
    assert [value for _, value in outputs_of("operator_agents:Yielding", ("k", 0))] == [1, 2, "done"]


def test_a_kept_context_acts_for_the_action_that_runs():
    result = run("operator_agents:Keeping", ("k", "read"))
    assert result.failure is None, result.failure.traceback_text
    assert [output.value for output in result.outputs] == [[1, "of use", 7]]
    assert result.metrics["action.use.kept"] == 1


def test_a_write_by_a_kept_memory_object_fails():
    failure = failure_of("operator_agents:Keeping", ("k", "write"))
    assert failure.action == "use"
    assert "on Flink this write is lost" in str(failure.original)
