"""report.html of a real session in a real browser, as a reader without a network sees it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from plugin_project import Project, scenario

from tests.support.chromium import CHROMIUM, Page, running

FIRST_SCREEN = 900
TOP_OF = "document.querySelector({}).getBoundingClientRect().{}"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_reader_finds_what_failed_and_why_without_a_network(project: Project, tmp_path: Path) -> None:
    project.scenarios("x", scenario("right"), scenario("wrong", said="bye"), scenario("refused", agent="shop:Refuses"))
    assert project.run("--flink-gate").ret == 1
    with running(tmp_path / "chromium") as address:
        asyncio.run(read_page(address, (project.report / "report.html").resolve()))


async def read_page(address: str, file: Path) -> None:
    async with aiohttp.ClientSession() as client, client.ws_connect(address, max_msg_size=0) as socket:
        page = Page(socket)
        await page.open()
        backgrounds = set()
        for width in (400, 1400):
            for scheme in ("light", "dark"):
                await page.show(file, width, FIRST_SCREEN, scheme)
                assert await page.value("document.documentElement.scrollWidth") <= width
                for first in ("header pre", ".why li"):
                    assert await page.value(TOP_OF.format(json.dumps(first), "bottom")) < FIRST_SCREEN
                backgrounds.add(await page.value("getComputedStyle(document.body).backgroundColor"))
                await page.value("document.querySelector('.why a').click()")
                # One click away: expected beside seen, the history of the key, and the command.
                opened = "document.querySelector(location.hash)"
                assert -1 < await page.value(f"{opened}.getBoundingClientRect().top") < FIRST_SCREEN
                history = f"{opened}.querySelector('[aria-label=\"Events of the key\"]')"
                assert await page.value(f"{history}.getBoundingClientRect().top") < FIRST_SCREEN
                text = await page.value(f"{opened}.innerText")
                for words in (
                    "expected",
                    '"bye"',
                    "seen",
                    '"hi"',
                    'What happened to key "a"',
                    "Run it again:",
                    "pytest",
                ):
                    assert words in text
        assert len(backgrounds) == 2
        assert {request.partition(":")[0] for request in page.requests} <= {"file", "data", "about"}
        assert page.errors == []
