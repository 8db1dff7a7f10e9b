"""The owner of a detached cluster or broker.

Run as a script by :mod:`flink_testbed.ownership.detached`, isolated (``python -I -S``) and with the
standard library only:

    detached_holder.py SECONDS FILE DESCRIPTOR...

Each DESCRIPTOR is the owner's end of a guard's pipe. The descriptors close when the holder ends, for
whatever reason, and the guards then clean up. The holder ends after SECONDS, or when FILE is gone;
it removes FILE itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

PYTHON_FLAGS = ["-I", "-S"]
SCRIPT = "flink_testbed/ownership/detached_holder.py"
POLL_S = 0.5


def command_line(python: str, seconds: float, file: Path, descriptors: Sequence[int]) -> list[str]:
    """Return the command line of a holder."""
    return [python, *PYTHON_FLAGS, __file__, str(seconds), str(file), *map(str, descriptors)]


def is_holder(words: list[str]) -> bool:
    """Return True if a process with this command line holds something detached."""
    return len(words) > 5 and words[1:3] == PYTHON_FLAGS and words[3].endswith(SCRIPT)


def main(seconds: float, file: Path) -> None:
    """Wait for the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and file.exists():
        time.sleep(POLL_S)
    file.unlink(missing_ok=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
