"""The JSON Schema of a policy file, for completion and checks in editors.

The loader is stricter: a schema cannot express dates that are near, or profiles that exist.
Must never import: yaml, pytest.
"""

from __future__ import annotations

from typing import Any

from pytest_flink_agents.policy.model import PolicyFile
from pytest_flink_agents.scenario.schema import DIALECT


def policy_schema() -> dict[str, Any]:
    """Return the schema of a policy file, draft 2020-12, as plain data."""
    schema = PolicyFile.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **schema, "title": "Flink Agents policy"}
