"""Other people who may use this machine: its loopback interface belongs to them as well."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

_NO = ("", "0", "false", "no", "off")
# Of a line of /etc/passwd; the last one is the shell.
_FIELDS = 7
_NO_LOGIN = ("", "nologin", "false", "sync", "shutdown", "halt")
_FIRST_PERSON = 500 if sys.platform == "darwin" else 1000
# Reserved by distributions and systemd for services, and 65534 for nobody.
_SERVICES = range(60_000, 65_536)


@functools.cache
def other_users() -> str:
    """Return why other people may connect to this machine's loopback, empty if nothing says so.

    Looks at the machine once a process, so that all clusters of a session are alike.
    """
    accounts = ""
    with contextlib.suppress(OSError):
        accounts = Path("/etc/passwd").read_text(encoding="utf-8", errors="replace")
    running = (process.info["uids"] for process in psutil.process_iter(["uids"]))
    return reason_for_others(os.environ, os.getuid(), accounts, {uids.real for uids in running if uids})


def reason_for_others(environ: Mapping[str, str], own: int, accounts: str, running: Iterable[int]) -> str:
    """Return the first reason to expect other people, given the user id of this one.

    ``accounts`` is the text of ``/etc/passwd``, which lacks users of a directory service; they
    are seen by the user ids of ``running`` processes.
    """
    if environ.get("CI", "").lower() not in _NO:
        return "CI is set"
    for line in accounts.splitlines():
        name, _, uid, *_, shell = f"{line}::::::".split(":")[:_FIELDS]
        if uid.isdigit() and _is_other(int(uid), own) and shell.rpartition("/")[2] not in _NO_LOGIN:
            return f"the account {name} can log in"
    others = sorted(uid for uid in running if _is_other(uid, own))
    return f"user {others[0]} runs processes" if others else ""


def _is_other(uid: int, own: int) -> bool:
    return uid != own and uid >= _FIRST_PERSON and uid not in _SERVICES
