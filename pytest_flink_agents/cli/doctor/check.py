"""One line of the doctor's output."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL, NOT_CHECKED = "ok", "warn", "fail", "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its status, its name, the observation, and for ``warn`` and ``fail`` the next step."""

    status: str
    name: str
    seen: str
    next_step: str = ""
