"""The documents of this repository and their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
_TITLE = re.compile(r'title="(?P<title>[^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """One code block of a document: its language, its title if it is a file, and its text without indentation."""

    document: str
    line: int
    language: str
    title: str
    text: str

    @property
    def place(self) -> str:
        """The place for messages and test ids."""
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """Return every document that people write; generated pages are none."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    pages = [
        path for path in sorted((ROOT / "docs").rglob("*.md")) if (ROOT / "docs" / "reference") not in path.parents
    ]
    return [*top, *pages]


def blocks(*languages: str) -> list[Block]:
    """Return the code blocks of all documents in these languages, all blocks if none is named."""
    found = [block for path in documents() for block in blocks_of(path)]
    return [block for block in found if not languages or block.language in languages]


def blocks_of(path: Path) -> list[Block]:
    """Return the code blocks of one document."""
    text = path.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        language, _, rest = fence["info"].strip().partition(" ")
        title = _TITLE.search(rest)
        inner = re.sub(f"^{fence['indent']}", "", fence["text"], flags=re.M)
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(path.relative_to(ROOT).as_posix(), line, language, title["title"] if title else "", inner))
    return found
