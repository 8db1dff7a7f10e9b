"""Build images from a Dockerfile and files of this machine, once per content."""

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
_SHOWN_LINES = 30


def default_base(python_version: str) -> str:
    """Return the default base image: Debian with that Python."""
    minor = ".".join(python_version.split(".")[:2])
    return f"python:{minor}-slim-bookworm"


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """The parts of an image: Dockerfile (``recipe``), build arguments, labels and context.

    ``tag`` identifies the content. ``parts`` maps names in the build context to files and directories
    of this machine.
    """

    tag: str
    recipe: Path
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    parts: Mapping[str, Path]


def provide_image(engine: ContainerEngine, plan: ImagePlan, *, before: Callable[[], None]) -> None:
    """Build the image if the engine does not have it.

    Sessions that need the same image build it once and wait for each other. ``before`` is called
    before a build. Raises :class:`HostError` FA472 if the build fails.
    """
    locks = cache_root() / "images"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{plan.tag.replace('/', '-').replace(':', '-')}.lock", timeout=_BUILD_S):
        if engine.image_id(plan.tag) is None:
            before()
            _build(engine, plan)


def _build(engine: ContainerEngine, plan: ImagePlan) -> None:
    """Build under a deadline.

    The error of a failed build has the end of the engine's output.
    """
    printed: list[str] = []
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
            printed += str(answer.get("stream", "") or answer.get("error", "")).splitlines()
            # Read on to the end: a response that is read in part leaves its connection open.
            failed = failed or "error" in answer
            if clock.now_s() >= deadline:
                seen = printed[-1] if printed else "no output"
                raise WaitTimeoutError(Problem("FA401", f"waited {_BUILD_S:g} s for {plan.tag} to be built", seen=seen))
    if failed:
        raise _failed(plan, printed)
    if engine.image_id(plan.tag) is None:
        raise missing_image(plan.tag, "the build succeeded, but the engine does not have the image")


def _failed(plan: ImagePlan, printed: list[str]) -> HostError:
    return HostError(
        Problem(
            "FA472",
            f"building {plan.tag} failed",
            where=str(plan.recipe),
            seen=printed[-1],
            next_step="read the end of the engine's output below",
            detail="\n".join(printed[-_SHOWN_LINES:]),
        )
    )


@contextlib.contextmanager
def _context(plan: ImagePlan) -> Iterator[IO[bytes]]:
    """Yield the build context as a stream.

    A thread writes it while the engine reads. The context is hundreds of megabytes, so it is never
    complete on disk or in memory.
    """
    read_end, write_end = os.pipe()

    def write() -> None:
        # An engine that rejects the build stops reading.
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
    """Make a file readable by the user of the container.

    That is the user that runs pytest.
    """
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode |= 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
