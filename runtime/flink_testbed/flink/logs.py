"""The logs of a cluster, in a directory or over REST."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from flink_testbed.core.problem import HostError
from flink_testbed.flink.rest import RestClient
from flink_testbed.ownership.process import tail

_TEXT_LINES = 10_000
_TEXT_BYTES = 1 << 16
_SINCE_BYTES = 1 << 20


class ClusterLogs(ABC):
    """The log files of one cluster."""

    @abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """Return the size of each log file in bytes.

        Empty if no log can be read.
        """

    @abstractmethod
    def since(self, sizes: Mapping[str, int]) -> Mapping[str, str]:
        """Return the text that was written after :meth:`sizes` returned ``sizes``.

        At most the last MiB of each file.
        """

    @abstractmethod
    def texts(self) -> Mapping[str, str]:
        """Return the last 64 KiB of each log file."""

    @abstractmethod
    def tail(self, lines: int = 40) -> str:
        """Return the last lines of every log, each below its name.

        Empty if no log can be read.
        """


class DirectoryLogs(ClusterLogs):
    """Logs in ``directory/log``, and the crash reports that JVMs write to ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def files(self) -> list[Path]:
        """Return the files that exist now, crash reports included.

        Flink renames a log that has become long and removes it later, so a file of this list may be
        missing a moment afterwards.
        """
        files = [*(self._directory / "log").glob("*"), *self._directory.glob("hs_err_pid*")]
        return sorted(path for path in files if path.is_file())

    def sizes(self) -> Mapping[str, int]:
        """Return the size of each log file and crash report in bytes."""
        sizes = {}
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):
                sizes[path.name] = path.stat().st_size
        return sizes

    def since(self, sizes: Mapping[str, int]) -> Mapping[str, str]:
        """Return the text that was written after :meth:`sizes` returned ``sizes``."""
        written = {}
        for path in self.files():
            start = sizes.get(path.name, 0)
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                # A file that has shrunk was rotated: all of the new one was written since.
                file.seek(max(0 if size < start else start, size - _SINCE_BYTES))
                written[path.name] = file.read(_SINCE_BYTES).decode("utf-8", "replace")
        return written

    def texts(self) -> Mapping[str, str]:
        """Return the last 64 KiB of each log file."""
        return self._ends(_TEXT_LINES)

    def tail(self, lines: int = 40) -> str:
        """Return the last lines of every log, each below its name."""
        return _under_names(self._ends(lines))

    def _ends(self, lines: int) -> dict[str, str]:
        return {path.name: tail(path, lines) for path in sorted((self._directory / "log").glob("*"))}


class RestLogs(ClusterLogs):
    """Logs as Flink's REST API offers them, named ``PROCESS/FILE``.

    A cluster that writes its logs to standard output, as many container images do, offers none.
    """

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def sizes(self) -> Mapping[str, int]:
        """Return the size of each log file in bytes."""
        return {name: size for name, (_, size) in self._offered().items()}

    def since(self, sizes: Mapping[str, int]) -> Mapping[str, str]:
        """Return the text that was written after :meth:`sizes` returned ``sizes``."""
        written = {}
        for name, (path, size) in self._offered().items():
            start = sizes.get(name, 0)
            text = self._rest.text(path, skip_bytes=0 if size < start else start, keep_bytes=_SINCE_BYTES)
            written[name] = text.decode("utf-8", "replace")
        return written

    def texts(self) -> Mapping[str, str]:
        """Return the last 64 KiB of each log file."""
        return {
            name: self._rest.text(path, keep_bytes=_TEXT_BYTES).decode("utf-8", "replace")
            for name, (path, _) in self._offered().items()
        }

    def tail(self, lines: int = 40) -> str:
        """Return the last lines of every log, each below its name.

        Empty if REST does not answer.
        """
        with contextlib.suppress(HostError):
            return _under_names({name: "\n".join(text.splitlines()[-lines:]) for name, text in self.texts().items()})
        return ""

    def _offered(self) -> dict[str, tuple[str, int]]:
        """Return the REST path and the size of each log, by name."""
        found = {}
        for member, path in self._rest.process_paths().items():
            # Flink answers 404 or 500 if it was started without a log file.
            with contextlib.suppress(HostError):
                for log in self._rest.call("GET", f"{path}/logs")["logs"]:
                    found[f"{member}/{log['name']}"] = (f"{path}/logs/{log['name']}", int(log["size"]))
        return found


def _under_names(texts: Mapping[str, str]) -> str:
    return "\n".join(f"--- {name}\n{text}" for name, text in texts.items() if text.strip())
