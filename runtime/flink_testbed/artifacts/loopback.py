"""Patch classes of Flink so that they listen on loopback only.

Flink has no option for either (1.20 to 2.3).

- Beam's servers in ``flink-python``, to which the Python processes of process mode connect. Beam
  chooses a loopback address, passes it to Python, and then binds only its port:
  ``forPort(address.getPort())``. Patched: ``forAddress(address)``.
- The reporter in ``flink-metrics-prometheus``, which binds ``new InetSocketAddress(port)``. Patched:
  ``new InetSocketAddress(InetAddress.getLoopbackAddress(), port)``.
"""

from __future__ import annotations

import re

from flink_testbed.artifacts.class_file import (
    ALOAD_0,
    ALOAD_1,
    DUP,
    DUP_X1,
    GETFIELD,
    INVOKEINTERFACE,
    INVOKESPECIAL,
    INVOKESTATIC,
    INVOKEVIRTUAL,
    LDC,
    LDC_W,
    NEW,
    NOP,
    PUTFIELD,
    SWAP,
    ClassFile,
    UnknownClassError,
)
from flink_testbed.artifacts.class_patch import ClassPatch

# The package name contains the version of gRPC.
_BUILDER = re.compile(rb"org/apache/beam/vendor/grpc/\w+/io/grpc/netty/NettyServerBuilder")
_REPORTER = "org/apache/flink/metrics/prometheus/PrometheusReporter"


def bind_whole_address(content: bytes) -> bytes:
    """Make Beam's servers bind the whole address.

    Raises :class:`UnknownClassError` if the patch does not fit.
    """
    found = _BUILDER.search(content)
    if not found:
        raise UnknownClassError("it uses no known server builder")
    builder = found.group().decode()
    java = ClassFile(content)
    get_port = java.method("java/net/InetSocketAddress", "getPort", "()I")
    for_port = java.method(builder, "forPort", f"(I)L{builder};")
    for_address = java.method(builder, "forAddress", f"(Ljava/net/SocketAddress;)L{builder};")
    java.replace(
        ALOAD_1 + INVOKEVIRTUAL + get_port + INVOKESTATIC + for_port,
        ALOAD_1 + 3 * NOP + INVOKESTATIC + for_address,
    )
    return java.content()


def bind_loopback(content: bytes) -> bytes:
    """Make Flink's reporter bind loopback; raise :class:`UnknownClassError` if it does not fit.

    The class's maximum stack depth must not grow, so the address is created first and swapped below
    the server. The bytes for that come from the log call that follows, which loses its argument.
    """
    java = ClassFile(content)
    address, server = "java/net/InetSocketAddress", "io/prometheus/client/exporter/HTTPServer"
    this_port = ALOAD_0 + GETFIELD + java.field(_REPORTER, "port", "I")
    this_log = ALOAD_0 + GETFIELD + java.field(_REPORTER, "log", "Lorg/slf4j/Logger;")
    new_address, new_server = (NEW + java.of_class(name) for name in (address, server))
    registry = java.field(_REPORTER, "registry", "Lio/prometheus/client/CollectorRegistry;")
    opened = java.method(server, "<init>", f"(L{address};Lio/prometheus/client/CollectorRegistry;)V")
    store = PUTFIELD + java.field(_REPORTER, "httpServer", f"L{server};")
    serve = ALOAD_0 + GETFIELD + registry + INVOKESPECIAL + opened + store
    number = INVOKESTATIC + java.method("java/lang/Integer", "valueOf", "(I)Ljava/lang/Integer;")
    log_with_port = java.interface_method("org/slf4j/Logger", "info", "(Ljava/lang/String;Ljava/lang/Object;)V")
    log_plain = java.interface_method("org/slf4j/Logger", "info", "(Ljava/lang/String;)V")
    original_text = java.string("Started PrometheusReporter HTTP server on port {}.")
    loopback = java.method("java/net/InetAddress", "getLoopbackAddress", "()Ljava/net/InetAddress;")
    java.replace(
        (ALOAD_0 + new_server + DUP)
        + (new_address + DUP + this_port + INVOKESPECIAL + java.method(address, "<init>", "(I)V") + serve)
        + (this_log + LDC + original_text[1:] + this_port + number + INVOKEINTERFACE + log_with_port + b"\x03\x00"),
        (new_address + DUP + INVOKESTATIC + loopback + this_port)
        + (INVOKESPECIAL + java.method(address, "<init>", "(Ljava/net/InetAddress;I)V"))
        + (ALOAD_0 + SWAP + new_server + DUP_X1 + SWAP + serve)
        + (this_log + LDC_W + java.string("Started PrometheusReporter on loopback.") + INVOKEINTERFACE + log_plain)
        + (b"\x02\x00" + NOP),
    )
    return java.content()


BEAM_SERVERS = ClassPatch(
    "org/apache/beam/sdk/fn/server/ServerFactory$InetSocketAddressServerFactory.class",
    bind_whole_address,
    "the servers for Python processes of process mode listen on ALL interfaces",
)
PROMETHEUS_REPORTER = ClassPatch(f"{_REPORTER}.class", bind_loopback, "no Prometheus reporter")
