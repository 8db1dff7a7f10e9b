"""Classes of Flink's own jars that listen on all interfaces, changed by a call so that they listen on loopback.

A cluster has them in a jar that stands first on its class path; Flink's jars stay as they are.

PyFlink's process mode talks to its Python processes by servers of Beam's (in ``flink-python``). Beam chooses a loopback
address for each of them, tells it to the Python side, and then binds the port alone: ``forPort(address.getPort())``.
There is no option (seen on 1.20 to 2.3). Here it is ``forAddress(address)``.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.artifacts.class_file import ClassFile, UnknownClassError

_BEAM_SERVERS = "org/apache/beam/sdk/fn/server/ServerFactory$InetSocketAddressServerFactory.class"
# The version of gRPC is part of the name.
_BUILDER = re.compile(rb"org/apache/beam/vendor/grpc/\w+/io/grpc/netty/NettyServerBuilder")
_ALOAD_1, _NOP, _INVOKEVIRTUAL, _INVOKESTATIC = b"\x2b", b"\x00", b"\xb6", b"\xb8"
# Part of the key: another change of the same class is another jar.
_LAYOUT = "1"


def provide_loopback_jar(python_jar: Path, *, progress: Callable[[str], None]) -> Path | None:
    """The jar for a ``flink-python``, from the cache or made now. None, said aloud, where its class is not the one we know."""
    try:
        with zipfile.ZipFile(python_jar) as archive:
            original = archive.read(_BEAM_SERVERS)
        changed = bound_to_its_address(original)
    except (KeyError, UnknownClassError) as error:
        progress(f"{python_jar.name}: Python processes of process mode are listened for on ALL interfaces ({error})")
        return None

    def build(directory: Path) -> dict[str, Any]:
        with zipfile.ZipFile(directory / "loopback.jar", "w") as archive:
            # A fixed time stamp: the same content is the same file.
            archive.writestr(zipfile.ZipInfo(_BEAM_SERVERS, (1980, 1, 1, 0, 0, 0)), changed)
        return {"of": hashlib.sha256(original).hexdigest()}

    key = hashlib.sha256(_LAYOUT.encode() + original).hexdigest()[:16]
    return provide_entry("loopback", key, build, needs_mib=1, progress=progress).path / "loopback.jar"


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
