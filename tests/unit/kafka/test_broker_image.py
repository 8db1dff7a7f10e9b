"""The image of a broker's container: the user's, or one that is built."""

from __future__ import annotations

import platform
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.kafka import image
from flink_testbed.kafka.image import require_kafka_image

LINE = resolve_flink("2.2").line


class Engine:
    """Has every image; ``required`` are those that were asked for."""

    def __init__(self) -> None:
        self.required: list[str] = []

    def require_image(self, reference: str, *, progress: object) -> str:
        self.required.append(reference)
        return "sha256:1"


def test_a_users_image_is_used_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(image, "provide_image")
    engine = Engine()
    assert require_kafka_image(cast(Any, engine), LINE, image="kafka:mine", base="b", progress=print) == "kafka:mine"
    assert engine.required == ["kafka:mine"]


@pytest.mark.parametrize("base", ["", "base:mine"])
def test_an_image_is_built_on_the_users_base_or_the_default(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []
    java = SimpleNamespace(version="21", home="/java")
    monkeypatch.setattr(image, "packaged_java", lambda line, progress: java)
    monkeypatch.setattr(image, "provide_jars", lambda *_, **__: ())
    monkeypatch.setattr(image, "provide_image", lambda engine, plan, before: built.append(plan))
    engine = Engine()
    tag = require_kafka_image(cast(Any, engine), LINE, base=base, progress=print)
    wanted = base or f"python:{'.'.join(platform.python_version_tuple()[:2])}-slim-bookworm"
    assert (engine.required, [plan.arguments for plan in built]) == ([wanted], [{"BASE": wanted}])
    assert tag == built[0].tag
