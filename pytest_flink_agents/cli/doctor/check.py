"""One line of the doctor's answer."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL, NOT_CHECKED = "ok", "warn", "fail", "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """Status, name, what was seen, and for ``warn`` and ``fail`` the next step."""

    status: str
    name: str
    seen: str
    next_step: str = ""
