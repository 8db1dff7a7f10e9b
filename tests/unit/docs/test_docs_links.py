"""Links of the documents lead to files and headings that exist, and the README stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.documentation import ROOT, documents

_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.M | re.S)
DOCUMENTS = [*documents(), ROOT / "ARCHITECTURE.md"]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, in the form that both GitHub and the site give them."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        plain = re.sub(r"[`*]", "", heading.lower())
        found.add(re.sub(r"[^\w -]", "", plain).strip().replace(" ", "-"))
    return found


def wrong_links(path: Path, text: str) -> list[str]:
    """Return the relative links of a document that lead nowhere. Links into generated pages are left to ``make docs``."""
    wrong = []
    for link in _LINK.finditer(_CODE.sub("", text)):
        file, _, anchor = link["target"].partition("#")
        target = (path.parent / file).resolve() if file else path
        if "://" in link["target"] or (ROOT / "docs" / "reference") in target.parents:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link["target"])
    return wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.relative_to(ROOT).as_posix() for path in DOCUMENTS])
def test_links_lead_somewhere(path: Path) -> None:
    assert wrong_links(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("target", ["docs/nowhere.md", "docs/python.md#nothing", "#nothing"])
def test_a_wrong_link_is_detected(target: str) -> None:
    assert wrong_links(ROOT / "README.md", f"[text]({target})") == [target]


def test_the_readme_has_at_most_80_lines_of_100_columns() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 80
    assert [line for line in lines if len(line) > 100] == []


def test_prose_has_at_most_100_columns() -> None:
    """Tables and code blocks may be wider: they cannot be wrapped."""
    wide = [
        f"{path.name}: {line}"
        for path in documents()
        for line in _CODE.sub("", path.read_text(encoding="utf-8")).splitlines()
        if len(line) > 102 and not line.lstrip().startswith(("|", "$"))
    ]
    assert wide == []
