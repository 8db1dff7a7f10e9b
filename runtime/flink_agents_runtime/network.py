"""A limit on the network connections of one run, enforced by an audit hook.

Python reports each connection and name resolution of its sockets to audit hooks before it makes
them, so a hook sees what every library does that uses Python's sockets, asynchronous ones too. The
hook can neither be removed nor see connections of Java, of subprocesses, and of extensions that
call the system themselves (librdkafka, gRPC).

In thread mode all jobs of a TaskManager share one interpreter. The limit therefore belongs to
threads: those that enter it, and the threads that these start. A process that serves one run only
limits all of its threads.
Imports the standard library only.
"""

from __future__ import annotations

import _thread
import contextlib
import ipaddress
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

# Passes the limit of a run to the program of a job, which is another process.
VARIABLE = "FLINK_AGENTS_NETWORK_LIMIT"
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_RESOLUTIONS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_MAX_RECORDED = 100
_NEXT_STEP = "replace the service (resources, ${llm...}, environment), or allow it: network: [%s]"


class NetworkClosedError(Exception):
    """A connection that the scenario's ``network`` does not allow.

    No OSError: a library would try again, and report an unreachable service instead.
    """

    def __init__(self, scenario: str, address: str) -> None:
        next_step = _NEXT_STEP % (address if address.rpartition(":")[2].isdigit() else f"{address}:PORT")
        super().__init__(
            f"scenario {scenario!r}: the network is closed, and a connection to {address} was blocked; {next_step}"
        )
        self.address = address


class NetworkLimit:
    """The limit of one run: loopback, and the addresses that it allows (``host:port``).

    Blocked addresses are written to a file ``network-*.jsonl`` of ``directory`` before the
    connection fails, so that a run in which an agent ignored the exception does not pass. The file
    exists from the beginning: a run without one was not limited.
    """

    def __init__(self, scenario: str, allowed: Sequence[str], directory: str | Path) -> None:
        self.scenario = scenario
        self._allowed = frozenset(_host_and_port(address) for address in allowed)
        self._hosts = frozenset(host for host, _ in self._allowed)
        self._resolved: set[tuple[str, int]] = set()
        self._record = Path(directory) / f"network-{os.urandom(4).hex()}.jsonl"
        self._recorded: set[str] = set()
        self._record.parent.mkdir(parents=True, exist_ok=True)
        self._record.touch()
        _install()

    def __enter__(self) -> None:
        """Limit this thread, and the threads that it starts."""
        _here.limits = (*getattr(_here, "limits", ()), self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Return this thread to its earlier limit."""
        _here.limits = _here.limits[:-1]

    def check_connection(self, address: Any) -> None:
        """Raise :class:`NetworkClosedError` for a connection that is not allowed."""
        # The address of a Unix socket is a path, and that of Netlink numbers.
        if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[0], (str, bytes)):
            return
        host, port = _name(address[0]), address[1]
        if _is_loopback(host) or (host, port) in self._allowed or self._is_resolved(host, port):
            return
        self._block(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def check_resolution(self, host: Any, port: Any = None) -> None:
        """Raise :class:`NetworkClosedError` for a name that leaves the machine.

        An address needs no resolution, and a connection to it is checked by itself.
        """
        if not isinstance(host, (str, bytes)):
            return
        name = _name(host)
        if _is_address(name) or _is_loopback(name) or name == _name(socket.gethostname()) or name in self._hosts:
            return
        self._block(f"{name}:{port}" if port else name)

    def resolved(self, host: Any, found: Sequence[Any]) -> None:
        """Note the addresses of an allowed name."""
        if isinstance(host, (str, bytes)) and (name := _name(host)) in self._hosts:
            ports = [port for allowed, port in self._allowed if allowed == name]
            self._resolved |= {(_name(entry[4][0]), port) for entry in found for port in ports}

    def _is_resolved(self, host: str, port: int) -> bool:
        if (host, port) in self._resolved:
            return True
        # A library with a resolver of its own; names rarely have many addresses.
        for name, allowed in self._allowed:
            if allowed == port and not _is_address(name):
                with contextlib.suppress(OSError):
                    self.resolved(name, _resolve(name, port))
        return (host, port) in self._resolved

    def _block(self, address: str) -> None:
        if address not in self._recorded and len(self._recorded) < _MAX_RECORDED:
            self._recorded.add(address)
            # One write, because a forked process may append to the same file.
            with self._record.open("ab", buffering=0) as file:
                file.write(json.dumps({"blocked": address}).encode() + b"\n")
        raise NetworkClosedError(self.scenario, address)


_here = threading.local()
_whole_process: list[NetworkLimit] = []
_of_threads: WeakKeyDictionary[threading.Thread, NetworkLimit] = WeakKeyDictionary()
_installed = False
_install_lock = threading.Lock()
_resolve: Callable[..., Any] = socket.getaddrinfo
_start: Callable[[threading.Thread], None] = threading.Thread.start
_start_bare: Callable[..., int] = _thread.start_new_thread


def limit_of(fields: Mapping[str, Any] | None) -> NetworkLimit | None:
    """Return the limit with the fields ``scenario``, ``allowed`` and ``directory``; None without one."""
    return None if fields is None else NetworkLimit(fields["scenario"], fields["allowed"], fields["directory"])


def limited_by(fields: Mapping[str, Any] | None) -> contextlib.AbstractContextManager[None]:
    """Return a context that limits this thread, or one without effect."""
    return limit_of(fields) or contextlib.nullcontext()


def limit_this_process(fields: Mapping[str, Any] | None) -> None:
    """Limit every thread of this process to its end, unless there are no fields."""
    limit = limit_of(fields)
    if limit is not None:
        _whole_process.append(limit)


def inherited_fields() -> dict[str, Any] | None:
    """Return the fields that the environment of a job's program holds, None without any."""
    fields: dict[str, Any] | None = json.loads(os.environ.get(VARIABLE) or "null")
    return fields


def _install() -> None:
    """Add the audit hook, once for each process: it cannot be removed.

    No hook sees results, and Python before 3.13 reports no start of a thread. So the functions for
    these are replaced.
    """
    global _installed  # noqa: PLW0603  the hook is the interpreter's, like this flag
    with _install_lock:
        if _installed:
            return
        _installed = True
        socket.getaddrinfo = _noting_getaddrinfo
        threading.Thread.start = _inheriting_start  # type: ignore[assignment, method-assign]
        _thread.start_new_thread = _inheriting_start_bare
        sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    # Every import and every opened file passes here: the tests are in the order of their cost.
    if event in _CONNECTIONS:
        limit = limit_here()
        if limit is not None:
            limit.check_connection(args[1])
    elif event in _RESOLUTIONS:
        limit = limit_here()
        if limit is not None:
            limit.check_resolution(*args[:2])


def _inheriting_start(thread: threading.Thread) -> None:
    limit = limit_here()
    if limit is not None:
        _of_threads[thread] = limit
    _start(thread)


def _inheriting_start_bare(function: Callable[..., object], *rest: Any) -> int:
    """Start a thread of which the module threading knows nothing."""
    limit = limit_here()

    def run(*args: Any, **keywords: Any) -> None:
        with limit or contextlib.nullcontext():
            function(*args, **keywords)

    return _start_bare(run, *rest)


def limit_here() -> NetworkLimit | None:
    """Return the limit of this thread, None if it has none."""
    entered = getattr(_here, "limits", ())
    if entered:
        limit: NetworkLimit = entered[-1]
        return limit
    thread = threading.current_thread()
    if thread in _of_threads:
        return _of_threads[thread]
    return _whole_process[-1] if _whole_process else None


def _noting_getaddrinfo(host: Any, port: Any, *args: Any, **keywords: Any) -> Any:
    found = _resolve(host, port, *args, **keywords)
    limit = limit_here()
    if limit is not None:
        limit.resolved(host, found)
    return found


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return _name(host.removeprefix("[").removesuffix("]")), int(port)


def _name(host: str | bytes) -> str:
    """Return a host in one form, whatever its case, zone, final dot or spelling of an address."""
    text = host.decode("ascii", "backslashreplace") if isinstance(host, bytes) else host
    name = text.partition("%")[0].rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    """Return whether a connection to the host stays on this machine.

    The empty name and the unspecified address connect to loopback.
    """
    if host in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)
