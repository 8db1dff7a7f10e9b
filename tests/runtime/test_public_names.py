"""The public names of the bundled runtime."""

import importlib
import subprocess
import sys

import pytest

import flink_agents_runtime


@pytest.mark.parametrize("name", [name for name in flink_agents_runtime.__all__ if name != "FlinkEnvironment"])
def test_each_public_name_is_an_object_of_its_module(name):
    value = getattr(flink_agents_runtime, name)
    assert value is getattr(importlib.import_module(value.__module__), name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'LocalEnviroment'"):
        _ = flink_agents_runtime.LocalEnviroment


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, flink_agents_runtime; print(*(m for m in ('flink_agents', 'pyflink', 'yaml') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_all_names_are_listed():
    assert set(flink_agents_runtime.__all__) <= set(dir(flink_agents_runtime))
