"""A page in headless Chromium, over the DevTools protocol. Not a test module."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flink_testbed.core.clock import wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextlib.contextmanager
def running(directory: Path) -> Iterator[str]:
    """Start Chromium with its files in a directory, and yield the address of its protocol."""
    assert CHROMIUM
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        # Chromium asks its maker's hosts for updates otherwise.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={directory}",
    ]
    with subprocess.Popen(
        [CHROMIUM, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            place = directory / "DevToolsActivePort"
            port, path = wait_until(lambda: _two_lines(place), what="Chromium to listen", timeout_s=60)
            yield f"ws://127.0.0.1:{port}{path}"
        finally:
            process.kill()


def _two_lines(file: Path) -> tuple[tuple[str, ...] | None, str]:
    """Return the lines of a file once there are two of them."""
    lines = tuple(file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()
    return (lines if len(lines) == 2 else None), f"{len(lines)} lines"


class Page:
    """One page. ``requests`` are the addresses that it asked for, ``errors`` what the browser logged about it."""

    def __init__(self, socket: Any) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._socket = socket
        self._session: str | None = None
        self._number = 0

    async def open(self) -> None:
        """Create the page, and listen to its requests and errors."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Network", "Page", "Log"):
            await self.call(f"{domain}.enable")

    async def show(self, file: Path, width: int, height: int, scheme: str) -> None:
        """Load a file at a size, in a light or dark scheme."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)
        await self.call("Page.navigate", url=file.as_uri())
        while not await self.value("document.readyState === 'complete'"):
            pass

    async def value(self, expression: str) -> Any:
        """Return the value of an expression on the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call the protocol; events that come before the answer are recorded."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_str(json.dumps({"id": self._number, "method": method, "params": parameters, **session}))
        while True:
            message = json.loads(await self._socket.receive_str(timeout=60))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            if message.get("method") == "Log.entryAdded":
                self.errors.append(message["params"]["entry"]["text"])
