"""The only way out for text: values of secret-named variables and key-shaped words are masked."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

MASK = "***"
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|COOKIE|PRIVATE|DSN", re.IGNORECASE)
_SHORTEST_SECRET = 6
# Of a secret of many lines each line is one too: texts are shown line by line. Shorter ones are padding and braces.
_SHORTEST_LINE = 8
_KEY_SHAPED = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\bA[KS]IA[0-9A-Z]{16}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}|(?<=Basic )[A-Za-z0-9+/=]{8,}|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)


class Redactor:
    """Masks the secrets of one environment, plain, in base64, URL-quoted and as JSON writes them, and what looks like a key."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        secrets = {
            value for name, value in environ.items() if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET
        }
        # A path under a secret-sounding name (an agent's socket, a key file) is no secret, and would mask half of a report.
        self._secrets = {secret for secret in secrets if not _is_path(secret)}
        ordered = sorted({form for secret in self._secrets for form in _forms(secret)}, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """The text without secrets, and such that every file and terminal takes it: half a surrogate pair is escaped."""
        if self._values:
            text = self._values.sub(MASK, text)
        return _KEY_SHAPED.sub(MASK, text).encode("utf-8", "backslashreplace").decode("utf-8")

    def data(self, value: Any) -> Any:
        """The value as plain JSON data without secrets, keys of mappings included; what JSON has no word for is text."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)) and math.isfinite(value):
            return MASK if str(value) in self._secrets else value
        return self.text(str(value))

    def files(self, folder: Path, but: Collection[Path] = ()) -> None:
        """Mask what programs wrote by themselves below a folder, the directories ``but`` left out. Links are not followed.

        A program that still runs may add and remove files meanwhile; where ``but`` names what it goes on using, it may.
        """
        for where, directories, names in os.walk(folder):
            directories[:] = [name for name in directories if Path(where, name) not in but]
            for name in names:
                self._file(Path(where, name))

    def _file(self, path: Path) -> None:
        # Bytes that are no text of ours stay as they are.
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                masked = self.text(data.decode("utf-8")).encode()
                if masked != data:
                    path.write_bytes(masked)


def _is_path(value: str) -> bool:
    """Whether it names something on this machine. That it begins with a slash says nothing: so may a random key."""
    with contextlib.suppress(OSError, ValueError):
        return value.startswith("/") and Path(value).exists()
    return False


def _forms(secret: str) -> Iterator[str]:
    lines = [line.strip() for line in secret.splitlines()]
    for text in {secret, *(line for line in lines if len(line) >= _SHORTEST_LINE)}:
        # Bytes that are no UTF-8 come from the environment as surrogates.
        raw = text.encode("utf-8", "surrogateescape")
        yield text
        yield base64.b64encode(raw).decode().rstrip("=")
        yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
        yield quote(raw)
        yield quote(raw, safe="")
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
