"""Classes of Flink's own jars that listen on all interfaces, each with the one call corrected that makes it so.

A cluster has them in jars that stand first on its class path; Flink's jars stay as they are. There is no option for
either (seen on 1.20 to 2.3):

- PyFlink's process mode talks to its Python processes by servers of Beam's (in ``flink-python``). Beam chooses a loopback
  address for each of them, tells it to the Python side, and then binds the port alone: ``forPort(address.getPort())``.
  Here it is ``forAddress(address)``.
- The Prometheus reporter (``flink-metrics-prometheus``) has a port and no address: ``new InetSocketAddress(port)``. Here it is
  ``new InetSocketAddress(InetAddress.getLoopbackAddress(), port)``.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.artifacts.class_file import ClassFile, UnknownClassError

# The version of gRPC is part of the name.
_BUILDER = re.compile(rb"org/apache/beam/vendor/grpc/\w+/io/grpc/netty/NettyServerBuilder")
_REPORTER = "org/apache/flink/metrics/prometheus/PrometheusReporter"
_ALOAD_0, _ALOAD_1, _DUP, _DUP_X1, _SWAP, _NOP = b"\x2a", b"\x2b", b"\x59", b"\x5a", b"\x5f", b"\x00"
_NEW, _GETFIELD, _PUTFIELD, _LDC, _LDC_W = b"\xbb", b"\xb4", b"\xb5", b"\x12", b"\x13"
_INVOKEVIRTUAL, _INVOKESPECIAL, _INVOKESTATIC, _INVOKEINTERFACE = b"\xb6", b"\xb7", b"\xb8", b"\xb9"
# Part of the key: another change of the same class is another jar.
_LAYOUT = "1"


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done to a class, a ``member`` of a jar, and what holds on a cluster whose jar has another class than we know."""

    member: str
    corrected: Callable[[bytes], bytes]
    otherwise: str


def provide_corrected(jar: Path, correction: Correction, *, progress: Callable[[str], None]) -> Path | None:
    """A jar of the corrected class alone, from the cache or made now. None, said aloud, where the class is not the one we know.

    The key is what the JVM itself checks of a jar, path, size and time: to open ``flink-python`` takes a tenth of a second.
    """

    def build(directory: Path) -> dict[str, Any]:
        with zipfile.ZipFile(jar) as archive:
            original = archive.read(correction.member)
        changed = correction.corrected(original)
        with zipfile.ZipFile(directory / "loopback.jar", "w") as archive:
            # A fixed time stamp: the same content is the same file.
            archive.writestr(zipfile.ZipInfo(correction.member, (1980, 1, 1, 0, 0, 0)), changed)
        return {"of": hashlib.sha256(original).hexdigest()}

    stat = jar.stat()
    made_of = (_LAYOUT, correction.member, str(jar.absolute()), stat.st_size, stat.st_mtime_ns)
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]
    try:
        return provide_entry("loopback", key, build, needs_mib=1, progress=progress).path / "loopback.jar"
    except (KeyError, UnknownClassError) as error:
        progress(f"{jar.name}: {correction.otherwise} ({error})")
        return None


def bound_to_its_address(content: bytes) -> bytes:
    """Beam's class, whose servers bind the address that they are given. Raises :class:`UnknownClassError`."""
    found = _BUILDER.search(content)
    if not found:
        raise UnknownClassError("no server builder")
    builder = found.group().decode()
    java = ClassFile(content)
    get_port = java.method("java/net/InetSocketAddress", "getPort", "()I")
    for_port = java.method(builder, "forPort", f"(I)L{builder};")
    for_address = java.method(builder, "forAddress", f"(Ljava/net/SocketAddress;)L{builder};")
    java.replace(
        _ALOAD_1 + _INVOKEVIRTUAL + get_port + _INVOKESTATIC + for_port,
        _ALOAD_1 + 3 * _NOP + _INVOKESTATIC + for_address,
    )
    return java.content()


def scraped_on_loopback(content: bytes) -> bytes:
    """Flink's reporter, whose server binds loopback. Raises :class:`UnknownClassError`.

    The address is made first, since the stack is no deeper than before, and has the room of the port in the log line that follows.
    """
    java = ClassFile(content)
    address, server = "java/net/InetSocketAddress", "io/prometheus/client/exporter/HTTPServer"
    this_port = _ALOAD_0 + _GETFIELD + java.field(_REPORTER, "port", "I")
    this_log = _ALOAD_0 + _GETFIELD + java.field(_REPORTER, "log", "Lorg/slf4j/Logger;")
    new_address, new_server = (_NEW + java.of_class(name) for name in (address, server))
    registry = java.field(_REPORTER, "registry", "Lio/prometheus/client/CollectorRegistry;")
    opened = java.method(server, "<init>", f"(L{address};Lio/prometheus/client/CollectorRegistry;)V")
    kept = _PUTFIELD + java.field(_REPORTER, "httpServer", f"L{server};")
    serve = _ALOAD_0 + _GETFIELD + registry + _INVOKESPECIAL + opened + kept
    number = _INVOKESTATIC + java.method("java/lang/Integer", "valueOf", "(I)Ljava/lang/Integer;")
    told_port = java.interface_method("org/slf4j/Logger", "info", "(Ljava/lang/String;Ljava/lang/Object;)V")
    told = java.interface_method("org/slf4j/Logger", "info", "(Ljava/lang/String;)V")
    said = java.string("Started PrometheusReporter HTTP server on port {}.")
    loopback = java.method("java/net/InetAddress", "getLoopbackAddress", "()Ljava/net/InetAddress;")
    java.replace(
        (_ALOAD_0 + new_server + _DUP)
        + (new_address + _DUP + this_port + _INVOKESPECIAL + java.method(address, "<init>", "(I)V") + serve)
        + (this_log + _LDC + said[1:] + this_port + number + _INVOKEINTERFACE + told_port + b"\x03\x00"),
        (new_address + _DUP + _INVOKESTATIC + loopback + this_port)
        + (_INVOKESPECIAL + java.method(address, "<init>", "(Ljava/net/InetAddress;I)V"))
        + (_ALOAD_0 + _SWAP + new_server + _DUP_X1 + _SWAP + serve)
        + (this_log + _LDC_W + java.string("Started PrometheusReporter on loopback.") + _INVOKEINTERFACE + told)
        + (b"\x02\x00" + _NOP),
    )
    return java.content()


BEAM_SERVERS = Correction(
    "org/apache/beam/sdk/fn/server/ServerFactory$InetSocketAddressServerFactory.class",
    bound_to_its_address,
    "Python processes of process mode are listened for on ALL interfaces",
)
PROMETHEUS_REPORTER = Correction(f"{_REPORTER}.class", scraped_on_loopback, "no Prometheus reporter")
