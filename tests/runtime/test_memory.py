"""Sensory and short-term memory of a key."""

import pytest
from engine_bench import Bench
from flink_agents.api.memory_object import MemoryType
from flink_agents.api.memory_reference import MemoryRef
from runtime_agents import TRACE

from flink_agents_runtime.engine.memory import KeyMemory, Overlay


def memory(store):
    """Return the root object over a store, and its overlay."""
    overlay = Overlay(store)
    return KeyMemory(MemoryType.SHORT_TERM, overlay, lambda: overlay), overlay


def test_sensory_memory_ends_with_its_run_and_short_term_memory_stays():
    bench = Bench("Remembering")
    bench.settle("one", "two")
    assert bench.outputs == [["one", 1], ["two", 2]]
    assert TRACE == [None, None]


def test_sensory_memory_is_cleared_at_the_end_of_the_run():
    """As on Flink; upstream's local runner clears it at the start of the next run."""
    bench = Bench("Remembering")
    bench.settle("one")
    assert bench.run.state.sensory == {}
    assert bench.run.state.short_term["runs"] == (1,)


def test_writes_of_an_unfinished_action_are_its_own():
    bench = Bench("Counting")
    bench.settle("x")
    assert TRACE == [("peek", None)]
    assert bench.run.state.short_term == {}
    bench.executor.run_next()
    bench.settle()
    assert bench.outputs == [1]
    assert bench.run.state.short_term["count"] == (1,)


def test_values_are_copied_in_and_out():
    root, _ = memory({})
    mine = [1, {"a": 2}]
    root.set("list", mine)
    mine.append(3)
    root.get("list").append(4)
    root.get("list")[1]["a"] = 5
    assert root.get("list") == [1, {"a": 2}]


def test_paths_make_objects():
    root, _ = memory({})
    root.set("user.address.city", "X")
    root.set("user.name", "N")
    assert root.get("user").get("address.city") == "X"
    assert root.get_field_names() == ["user"]
    assert root.get("user").get_fields() == {"address": "NestedObject", "name": "N"}
    assert root.is_exist("user.address")
    assert not root.is_exist("user.phone")
    assert root.get("user.phone") is None
    assert root.get("user.name.first") is None


def test_a_reference_leads_to_its_value():
    root, _ = memory({})
    reference = root.new_object("user").set("name", "N")
    assert reference == MemoryRef(memory_type=MemoryType.SHORT_TERM, path="user.name")
    assert root.get(reference) == "N"


def test_a_reference_is_relative_to_the_object_that_is_asked():
    root, _ = memory({})
    reference = root.set("user.name", "N")
    assert root.get("user").get(reference) is None
    root.set("user.user.name", "M")
    assert root.get("user").get(reference) == "M"


def test_a_reference_that_became_a_mapping_is_read():
    root, _ = memory({})
    reference = root.set("user.name", "N")
    assert root.get(reference.model_dump(mode="json")) == "N"


@pytest.mark.parametrize("path", [5, None, {"name": "path"}])
def test_a_path_is_a_str(path):
    root, _ = memory({})
    with pytest.raises(TypeError, match="a str or a MemoryRef"):
        root.get(path)


@pytest.mark.parametrize("path", ["", "."])
def test_an_empty_path_below_an_object_is_not_the_object(path):
    root, _ = memory({})
    user = root.new_object("user")
    assert user.get(path) is None
    assert not user.is_exist(path)


def test_an_existing_object_is_kept():
    """As Flink's operator does."""
    root, _ = memory({})
    root.set("user.name", "N")
    assert root.new_object("user").get("name") == "N"


def test_objects_and_values_do_not_replace_each_other():
    root, _ = memory({})
    root.set("user.name", "N")
    with pytest.raises(ValueError, match="'user' is an object"):
        root.set("user", 1)
    with pytest.raises(ValueError, match=r"'user\.name' holds a value"):
        root.set("user.name.first", 1)
    with pytest.raises(ValueError, match="overwrite=True"):
        root.new_object("user.name")
    root.new_object("user.name", overwrite=True).set("first", 1)
    assert root.get("user.name.first") == 1


def test_a_refused_write_leaves_nothing():
    root, overlay = memory({})
    root.set("a", 1)
    with pytest.raises(ValueError, match="cannot be below"):
        root.set("a.b.c", 1)
    overlay.commit()
    assert root.get_field_names() == ["a"]


@pytest.mark.parametrize("value", [(1, 2), {1: "a"}, b"x", object()])
def test_only_json_like_values_are_taken(value):
    root, _ = memory({})
    with pytest.raises(TypeError):
        root.set("x", value)


def test_the_store_changes_on_commit_only():
    store = {"": {"a": None}, "a": (1,)}
    root, overlay = memory(store)
    root.set("b", 2)
    assert store == {"": {"a": None}, "a": (1,)}
    overlay.commit()
    assert store == {"": {"a": None, "b": None}, "a": (1,), "b": (2,)}
