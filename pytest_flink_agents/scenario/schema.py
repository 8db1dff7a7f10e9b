"""The JSON Schema of a scenario, for editors: completion, hover texts, and a first check while writing.

The loader is stricter: what a schema cannot say (matchers that cannot fail, paths, unique names) it finds.
Must never import: yaml, pytest.
"""

from __future__ import annotations

from typing import Any

from pytest_flink_agents.scenario.model import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema of one document, draft 2020-12, as plain data."""
    schema = Scenario.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **schema, "title": "Flink Agents scenario"}
