"""The image of a broker's container, with the embedded broker's jars."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from pathlib import Path

from flink_testbed.artifacts.jars import locked_jars, provide_jars
from flink_testbed.artifacts.java import packaged_java
from flink_testbed.artifacts.versions import FlinkLine
from flink_testbed.containers.build import ImagePlan, default_base, provide_image
from flink_testbed.containers.engine import ContainerEngine

REPOSITORY = "pytest-flink-agents/kafka"
_HERE = Path(__file__).parent / "image"


def require_kafka_image(
    engine: ContainerEngine, line: FlinkLine, *, image: str = "", base: str = "", progress: Callable[[str], None]
) -> str:
    """Return the user's ``image``, or one that is built on ``base``; the engine has it then.

    Without ``base`` it is built on the official Python image.
    """
    if image:
        engine.require_image(image, progress=progress)
        return image
    return _built(engine, line, base or default_base(platform.python_version()), progress)


def _built(engine: ContainerEngine, line: FlinkLine, base: str, progress: Callable[[str], None]) -> str:
    """Return the tag of the image with the embedded broker's jars.

    It is built first if the engine lacks it, which takes about 20 s. Its Java is that of this line
    of Flink.
    """
    base_id = engine.require_image(base, progress=progress)
    locked = locked_jars("kafka")
    java = packaged_java(line, progress=progress)
    recipe, first = _HERE / "Dockerfile", _HERE / "run.py"
    content = [recipe.read_bytes(), first.read_bytes(), base_id.encode(), java.version.encode(), locked.key.encode()]
    tag = f"{REPOSITORY}:{locked.version}-{hashlib.sha256(b'|'.join(content)).hexdigest()[:12]}"
    jars = provide_jars(locked, progress=progress)
    plan = ImagePlan(
        tag,
        recipe,
        {"BASE": base},
        {"pytest-flink-agents.kafka": locked.version},
        {"java": java.home, "run.py": first, **{f"libs/{jar.name}": jar for jar in jars}},
    )
    provide_image(engine, plan, before=lambda: progress(f"containers: building {tag} from {base} (once; about 20 s)"))
    return tag
