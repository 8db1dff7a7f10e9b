"""Times of evidence as numbers."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

# Fractions of a second: datetime keeps six digits, before Python 3.11 it refuses more, and Java writes nine.
_TIME = re.compile(r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)?")


def nanoseconds(time: Any) -> int | None:
    """Return a time in nanoseconds since 1970: text in ISO 8601, or a number of seconds; None for anything else.

    A time without a zone is in UTC.
    """
    if isinstance(time, (int, float)) and not isinstance(time, bool):
        return round(time * 1_000_000_000)
    found = _TIME.fullmatch(time) if isinstance(time, str) else None
    if found is None:
        return None
    zone = found["zone"]
    try:
        second = datetime.fromisoformat(found["second"] + ("+00:00" if zone in (None, "Z") else zone))
    except ValueError:
        return None
    fraction = int((found["fraction"] or "0").ljust(9, "0"))
    return round(second.astimezone(timezone.utc).timestamp()) * 1_000_000_000 + fraction
