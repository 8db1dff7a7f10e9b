"""Images of ours: built once from a recipe and things of this machine, under a tag that tells their content."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock

from flink_testbed.containers.engine import ContainerEngine, missing_image, translate_errors
from flink_testbed.core import clock
from flink_testbed.core.directories import cache_root
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError

_BUILD_S = 900.0
_KEPT_LINES = 30


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What an image is built of: its recipe (a Dockerfile), build arguments, labels, and what stands beside the recipe.

    ``parts`` maps names in the build's context to files and directories of this machine.
    """

    tag: str
    recipe: Path
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    parts: Mapping[str, Path]


def provide_image(engine: ContainerEngine, plan: ImagePlan, *, before: Callable[[], None]) -> None:
    """See to it that the engine has the image. ``before`` is called where it has to be built, by one session at a time."""
    shelf = cache_root() / "images"
    shelf.mkdir(parents=True, exist_ok=True)
    with FileLock(shelf / f"{plan.tag.replace('/', '-').replace(':', '-')}.lock", timeout=_BUILD_S):
        if engine.image_id(plan.tag) is None:
            before()
            _build(engine, plan)


def _build(engine: ContainerEngine, plan: ImagePlan) -> None:
    """Build under a deadline; what the engine says is shown where it fails."""
    said: list[str] = []
    failed = False
    deadline = clock.now_s() + _BUILD_S
    with _context(plan) as context, translate_errors(f"build {plan.tag}"):
        answers = engine.client.api.build(
            fileobj=context,
            custom_context=True,
            tag=plan.tag,
            buildargs=dict(plan.arguments),
            labels=dict(plan.labels),
            network_mode="none",
            rm=True,
            forcerm=True,
            decode=True,
            timeout=int(_BUILD_S),
        )
        for answer in answers:
            said += str(answer.get("stream", "") or answer.get("error", "")).splitlines()
            # It is read to its end all the same: a connection that is left half-way stays open.
            failed = failed or "error" in answer
            if clock.now_s() >= deadline:
                seen = said[-1] if said else "nothing"
                raise WaitTimeoutError(Problem("FA401", f"waited {_BUILD_S:g} s for {plan.tag} to be built", seen=seen))
    if failed:
        raise _failed(plan, said)
    if engine.image_id(plan.tag) is None:
        raise missing_image(plan.tag, "it was built, and is not there")


def _failed(plan: ImagePlan, said: list[str]) -> HostError:
    return HostError(
        Problem(
            "FA472",
            f"building {plan.tag} failed",
            where=str(plan.recipe),
            seen=said[-1],
            next_step="the end of what the engine said follows",
            detail="\n".join(said[-_KEPT_LINES:]),
        )
    )


@contextlib.contextmanager
def _context(plan: ImagePlan) -> Iterator[IO[bytes]]:
    """The build's context as a stream: written by a thread while the engine reads, never whole on disk or in memory."""
    read_end, write_end = os.pipe()

    def write() -> None:
        # An engine that refuses the build stops reading.
        with (
            contextlib.suppress(BrokenPipeError),
            os.fdopen(write_end, "wb") as pipe,
            tarfile.open(mode="w|", fileobj=pipe) as archive,
        ):
            recipe = plan.recipe.read_bytes()
            entry = tarfile.TarInfo("Dockerfile")
            entry.size = len(recipe)
            archive.addfile(entry, io.BytesIO(recipe))
            for name, path in plan.parts.items():
                archive.add(path, name, filter=_readable_by_all)

    writer = threading.Thread(target=write, name="build context", daemon=True)
    writer.start()
    try:
        with os.fdopen(read_end, "rb") as context:
            yield context
    finally:
        writer.join()


def _readable_by_all(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Containers run as whoever runs pytest."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode |= 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
