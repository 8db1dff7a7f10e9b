"""The only way out for text: secrets are masked, and control characters are escaped."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pytest_flink_agents.redact.compact import compact, parts_of, unescaped
from pytest_flink_agents.redact.forms import forms_of
from pytest_flink_agents.redact.printable import one_line, printable, printable_json
from pytest_flink_agents.redact.rules import ANY_SHAPE, SHAPES, is_secret_name

__all__ = ["MASK", "Redactor", "one_line", "printable", "printable_json"]

MASK = "***"
_SHORTEST_SECRET = 5
_URL_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
# Settings that secret-sounding names hold: masking these words would make every report unreadable.
_ORDINARY_WORDS = frozenset(
    {
        *("false", "true", "none", "null", "undefined", "enabled", "disabled", "required", "optional", "default"),
        *("basic", "bearer", "digest", "plain", "plaintext", "oauth", "oauth2", "token", "password", "secret", "local"),
    }
)
# More digits than Python turns into text by default.
_MOST_BITS = 14_000
# Keys and words of evidence occur in every run of a session: their masked texts are remembered.
_REMEMBERED_CHARACTERS = 64
_REMEMBERED = 10_000


class Redactor:
    """Masks the secrets of an environment, and whatever looks like a token.

    A variable's value is a secret if its name says so or if ``secret_names`` holds the name, from 5 characters on; so is
    the password of a URL in any variable. ``plain_names`` are never secrets, nor are words of settings such as ``enabled``.
    What cannot be recognised stays: a secret that was cut, reversed, encrypted, compressed or encoded twice in different
    ways.
    """

    def __init__(
        self, environ: Mapping[str, str], secret_names: Iterable[str] = (), plain_names: Iterable[str] = ()
    ) -> None:
        named, plain = frozenset(secret_names), frozenset(plain_names)
        values = {
            value
            for name, value in environ.items()
            if name not in plain and (name in named or is_secret_name(name)) and not _is_path(value)
        }
        for name, value in environ.items():
            if name not in plain:
                values |= {word for found in _URL_PASSWORD.findall(value) for word in (found, unquote(found))}
        self._secrets: set[str] = set()
        self._learned: set[str] = set()
        self._forms: list[str] = []
        self._remembered: dict[str, str] = {}
        self._add(values)

    @property
    def learned(self) -> frozenset[str]:
        """The values that did not come from the environment."""
        return frozenset(self._learned)

    def learn(self, values: Iterable[str]) -> None:
        """Mask these values, too, if they are long enough and no words of settings."""
        values = frozenset(values)
        self._learned |= values
        self._add(values)

    def _add(self, values: Iterable[str]) -> None:
        found = {value for value in values if len(value) >= _SHORTEST_SECRET and value.lower() not in _ORDINARY_WORDS}
        if found <= self._secrets:
            # Every scenario of a file brings the same ones.
            return
        self._secrets |= found
        self._remembered.clear()
        # The longer ones first, so that a secret inside another leaves no rest.
        self._forms = sorted({form for secret in self._secrets for form in forms_of(secret)}, key=len, reverse=True)

    def mask(self, text: str) -> str:
        """Return the text without secrets and otherwise as it is."""
        # Searching for one string after the other is several times faster than one pattern of all of them.
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        if ANY_SHAPE.search(text) is None:
            return text
        for words, shape in SHAPES:
            # Not any(): a report has tens of thousands of short texts, and a generator costs more than a search in one.
            for word in words:
                if word in text:
                    text = shape.sub(MASK, text)
                    break
        return text

    def text(self, text: str) -> str:
        """Return the text for people: without secrets, control characters and half surrogate pairs."""
        return printable(self._written(text))

    def line(self, text: str) -> str:
        """Return the text for people on one line, such as a name."""
        return one_line(self.text(text))

    def data(self, value: Any) -> Any:
        """Return the value as plain JSON data without secrets, the keys of mappings included.

        An instance of a dataclass becomes the mapping of its fields, anything else that JSON has no type for becomes text.
        """
        if isinstance(value, str):
            return self._written(value)
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            return f"an int of {value.bit_length()} bits"
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return MASK if str(value) in self._secrets else value
        parts = parts_of(value)
        if isinstance(parts, dict):
            return {self.data(str(key)): self.data(item) for key, item in parts.items()}
        return self.data(str(value))

    def json(self, value: Any) -> str:
        """Return the text of :meth:`data` as compact JSON.

        Most values hold no secret. Then their text is written and searched as a whole, which takes a twentieth of the time.
        """
        try:
            text = compact(value)
            text.encode()  # refuses half surrogate pairs
        except (TypeError, ValueError, RecursionError):
            return compact(self.data(value))
        strings = unescaped(text)
        return text if self.mask(strings) == strings else compact(self.data(value))

    def _written(self, text: str) -> str:
        if len(text) > _REMEMBERED_CHARACTERS:
            return _writable(self.mask(text))
        if text not in self._remembered:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[text] = _writable(self.mask(text))
        return self._remembered[text]

    def files(self, folder: Path, but: Collection[Path] = ()) -> None:
        """Mask the secrets in every text file below a folder, except in the directories ``but``.

        Links are not followed. A program that still runs may add and remove files meanwhile; it may go on using those in
        ``but``.
        """
        for where, directories, names in os.walk(folder):
            directories[:] = [name for name in directories if Path(where, name) not in but]
            for name in names:
                self._file(Path(where, name))

    def _file(self, path: Path) -> None:
        # Bytes that are not UTF-8 stay as they are: they are not text that this project wrote.
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                masked = self.mask(data.decode("utf-8")).encode()
                if masked != data:
                    path.write_bytes(masked)


def _writable(text: str) -> str:
    """Return the text such that UTF-8 can hold it.

    JSON may bring in half of a surrogate pair.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _is_path(value: str) -> bool:
    """Return whether the value is an existing path, such as an agent's socket.

    Masking it would hide half a report.

    A leading slash alone says nothing, since random keys may begin with one.
    """
    with contextlib.suppress(OSError, ValueError):
        return value.startswith("/") and Path(value).exists()
    return False
