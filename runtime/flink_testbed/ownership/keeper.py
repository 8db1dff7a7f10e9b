"""The keeper: owns processes that are meant to outlive their session, for a limited time.

Run as a script by :mod:`flink_testbed.ownership.detached`, isolated (``python -I -S``), standard library only.

    keeper.py SECONDS FILE DESCRIPTOR...

Each descriptor is the owner's end of a guard's pipe. They close when the keeper ends, for whatever reason, and the guards
kill what they guard. It ends when the time is over, or FILE is gone, which it removes itself.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

LOOK_S = 0.5


def main(seconds: float, file: Path) -> None:
    """Wait for the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and file.exists():
        time.sleep(LOOK_S)
    file.unlink(missing_ok=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
