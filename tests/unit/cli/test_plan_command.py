"""The command ``plan`` with JSON files; a job environment creates the plans of code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.cli.main import main
from pytest_flink_agents.plan import canonical_plan, plan_digest

PLAN: dict[str, Any] = {
    "actions": {
        "pay": {
            "name": "pay",
            "exec": {"func_type": "PythonFunction", "module": "shop", "qualname": "Shop.pay"},
            "listen_event_types": ["_input_event"],
            "config": {"__config_type__": "python", "limit": 3, "api_key": "hunter-twelve"},
        }
    },
    "actions_by_event": {"_input_event": ["pay"]},
    "resource_providers": {
        "tool": {
            "double": {
                "name": "double",
                "type": "tool",
                "module": "flink_agents.plan.tools.function_tool",
                "clazz": "FunctionTool",
                "serialized": {"func": {"func_type": "PythonFunction", "module": "shop", "qualname": "Shop.double"}},
                "__resource_provider_type__": "PythonSerializableResourceProvider",
            }
        },
        "chat_model": {
            "desk": {
                "name": "desk",
                "type": "chat_model",
                "descriptor": {"language": "java", "target_module": "", "target_clazz": "shop.Desk", "arguments": {}},
                "__resource_provider_type__": "JavaResourceProvider",
            }
        },
        "prompt": {
            "hello": {
                "name": "hello",
                "type": "prompt",
                "module": "shop",
                "clazz": "shop.Hello",
                "serializedResource": "{}",
                "__resource_provider_type__": "JavaSerializableResourceProvider",
            }
        },
    },
    "config": {"conf_data": {"max-retries": 2}},
}


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(PLAN))
    return file


def test_a_plan_is_shown_by_its_parts(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "show", str(plan)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"plan of {plan}, as flink-agents 0.1 to 0.3 writes it, {plan_digest(PLAN)}",
        "actions",
        "  pay: on _input_event call shop:Shop.pay",
        "    option api_key: ***",
        "    option limit: 3",
        "events",
        "  _input_event: pay",
        "resources",
        "  chat_model desk: shop.Desk, Java",
        "  prompt hello: shop.shop.Hello, Java",
        "  tool double: shop:Shop.double",
        "options",
        "  max-retries: 2",
    ]


def test_a_plan_is_shown_in_its_canonical_form(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "show", str(plan), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    # Masked as in words.
    assert shown["actions"]["pay"]["config"].pop("api_key") == "***"
    expected = canonical_plan(PLAN)
    del expected["actions"]["pay"]["config"]["api_key"]
    assert shown == expected


def test_what_some_readers_refuse_is_a_warning(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "check", str(plan)]) == 0
    out = capsys.readouterr().out
    assert "$.resource_providers.prompt.hello: FA232: the bundled engine does not create a resource that Java" in out
    assert out.splitlines()[-1] == f"{plan}: 0 errors, 1 warning"


def test_what_no_reader_runs_as_written_is_an_error(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(json.dumps({**PLAN, "actions_by_event": {"_input_event": ["pya"]}}))
    assert main(["plan", "check", str(plan), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["dialect"]) == (False, "0.1")
    assert [problem["code"] for problem in document["problems"]] == ["FA230", "FA231", "FA232"]
    assert document["problems"][0]["next_step"] == "did you mean pay?"


@pytest.mark.parametrize(("text", "told"), [("{", "FA230: the file is not JSON"), ("[1]", "is not an agent plan")])
def test_another_file_is_no_plan(plan: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    plan.write_text(text)
    assert main(["plan", "show", str(plan)]) == 2
    assert told in capsys.readouterr().err


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "check", str(tmp_path / "no.json")]) == 2
    assert "FA460: the file cannot be read" in capsys.readouterr().err
