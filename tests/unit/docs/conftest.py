"""A project with every file and every name that scenarios of the documentation use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "shop/__init__.py": "",
    "shop/agents.py": "class TillAgent: ...\n",
    "shop/orders.py": "class OrderAgent: ...\n",
    "shop/prices.py": "class PriceAgent: ...\n",
    "shop/helper.py": "def add(a: int, b: int) -> int: ...\nagent = object()\n",
    "shop/testdata/__init__.py": "",
    "shop/testdata/orders.jsonl": '{"customer": "ada", "order": {"item": "tea"}}\n',
    "data/orders.jsonl": '{"customer": "ada", "order": {"item": "tea"}}\n',
    "data/events.jsonl": '{"eventType": "_input_event", "key": "ada", "event": {"attributes": {"input": {"item": "tea"}}}}\n',
    "data/evidence.json": '{"schema_version": "1", "scenario": "a run is as a stored one"}',
    "data/orders.csv": "customer,item,amount\nada,tea,3\n",
    "data/prices.jsonl": '{"item": "tea", "price": 3}\n',
    "jobs/totals.py": "",
    "target/totals.jar": "",
    "target/prices.jar": "",
    "target/actions.jar": "",
    "plans/prices.json": "{}",
    "plans/mixed.json": "{}",
    "skills/pricing/SKILL.md": "",
    "savepoints/v1.4.0/_metadata": "",
    "common.yaml": "owner: payments-qa\n",
    "conf/config.yaml": "agent: {max-retries: 3}\n",
    "desk.yaml": "agents: []\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The root of that project."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path
