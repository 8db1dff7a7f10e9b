"""The digests of everything that decides how a job behaves, besides the session's options."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The digest of a file that cannot be read, or that two processes of the session read differently.
NOT_KNOWN = ""
# A run may write data beside the code, which must stay as it is.
_CODE = (".py", ".pyc", ".so", ".zip", ".jar", ".yaml", ".yml")


def digest_of(parts: Iterable[bytes]) -> str:
    """Return ``sha256:...`` of the parts in order.

    Lengths are included, so that no two lists have the same digest.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode() + part)
    return "sha256:" + digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the digest of a file, as ``sha256sum`` has it; empty if it cannot be read."""
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError:
        return NOT_KNOWN


@dataclass(frozen=True, slots=True)
class Identity:
    """Digests by names: of files relative to the project's root, and of other parts.

    ``subjects`` are the files that the job may load, ``scenarios`` those that say what is tested, ``configurations``
    those of Flink. ``parts`` are the packages of job environments, engines and their jars.
    """

    subjects: Mapping[str, str] = field(default_factory=dict)
    scenarios: Mapping[str, str] = field(default_factory=dict)
    configurations: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)

    def merge(self, other: Identity) -> Identity:
        """Return what two processes of one session know; a digest on which they differ is not known."""
        return Identity(*(_merged(mine, theirs) for mine, theirs in zip(self._all(), other._all(), strict=True)))

    def digest(self, *others: str) -> str:
        """Return one digest of everything, and of ``others``."""
        names = [sorted(each.items()) for each in self._all()]
        return digest_of([json.dumps([names, others]).encode()])

    def changed(self, root: Path) -> list[str]:
        """Return the names of code, scenarios and configurations that are not as they were, and of unknown parts."""
        code = {name: digest for name, digest in self.subjects.items() if name.endswith(_CODE)}
        files = {**code, **self.scenarios, **self.configurations}
        unknown = [name for name, digest in self.parts.items() if digest == NOT_KNOWN]
        # A file that was not known is not what was tested, even if it is as unknown now.
        changed = (name for name, digest in files.items() if digest == NOT_KNOWN or file_digest(root / name) != digest)
        return sorted(unknown) + sorted(changed)

    def as_data(self) -> dict[str, Any]:
        """Return the identity as plain data, which pytest-xdist can send."""
        return {name: dict(value) for name, value in zip(_NAMES, self._all(), strict=True)}

    def _all(self) -> tuple[Mapping[str, str], ...]:
        return self.subjects, self.scenarios, self.configurations, self.parts


_NAMES = tuple(each.name for each in dataclasses.fields(Identity))


def _merged(mine: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    both = {**mine, **theirs}
    return {name: NOT_KNOWN if mine.get(name, digest) != digest else digest for name, digest in both.items()}
