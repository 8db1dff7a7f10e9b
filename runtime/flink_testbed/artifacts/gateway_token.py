"""Patch py4j's classes in ``flink-python`` so that PyFlink's gateway requires a token.

PyFlink starts a Java gateway without one: every user of the machine who may connect to loopback can
run code in it. py4j supports a token, in both directions, but PyFlink has no option for it. The
patched classes use a constant where they would read their field ``authToken``; the constant is a
placeholder in the cache, and a random token in a session's own jar.

- ``GatewayServer.createConnection`` passes the token to the connection, which then accepts no
  command before the right token.
- ``CallbackClient.getConnection`` passes it to the connection, which sends it to Python.
"""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from flink_testbed.artifacts.class_file import ALOAD_0, GETFIELD, INVOKESPECIAL, LDC_W, NOP, ClassFile
from flink_testbed.artifacts.class_patch import ClassPatch, provide_patched

# 128 bits, like the real token, which replaces it in the constant.
_PLACEHOLDER = "0123456789abcdef" * 2
# The Python side of the gateway reads the token from this variable of its environment.
VARIABLE = "FLINK_AGENTS_GATEWAY_TOKEN"
_MANIFEST_BYTES = 70
_PY4J = "org/apache/flink/api/python/shaded/py4j/"
_SERVER, _CLIENT = f"{_PY4J}GatewayServer", f"{_PY4J}CallbackClient"
_TEXT = "Ljava/lang/String;"
_OTHERWISE = "PyFlink's gateway requires NO token"


def _accept_token_only(content: bytes) -> bytes:
    """Make the gateway's server require the token.

    Raises :class:`UnknownClassError` if the patch does not fit.
    """
    java = ClassFile(content)
    follows = ALOAD_0 + GETFIELD + java.field(_SERVER, "customCommands", "Ljava/util/List;")
    return _with_constant(java, _SERVER, follows)


def _send_token(content: bytes) -> bytes:
    """Make the callback client send the token; raise :class:`UnknownClassError` if it does not fit."""
    java = ClassFile(content)
    kind = f"(ILjava/net/InetAddress;Ljavax/net/SocketFactory;I{_TEXT})V"
    follows = INVOKESPECIAL + java.method(f"{_PY4J}CallbackConnection", "<init>", kind)
    return _with_constant(java, _CLIENT, follows)


def _with_constant(java: ClassFile, owner: str, follows: bytes) -> bytes:
    field = ALOAD_0 + GETFIELD + java.field(owner, "authToken", _TEXT)
    java.replace(field + follows, LDC_W + java.string(_PLACEHOLDER) + NOP + follows)
    return java.content()


GATEWAY_SERVER = ClassPatch(f"{_SERVER}.class", _accept_token_only, _OTHERWISE)
CALLBACK_CLIENT = ClassPatch(f"{_CLIENT}.class", _send_token, _OTHERWISE)


def token_variables(flink_home: Path, directory: Path, *, progress: Callable[[str], None]) -> dict[str, str]:
    """Return the environment variables of a Python program whose gateway requires a token.

    Writes one jar to ``directory``, which must be closed to other users: PyFlink puts the jars there
    before ``flink-python``. The jar has the patched classes, and its manifest names Flink's own jars.
    No variables if the patches do not fit; the progress says so.
    """
    directory.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(len(_PLACEHOLDER) // 2)
    if not _write_jar(flink_home, token_jar(directory), token, progress):
        return {}
    return {"FLINK_LIB_DIR": str(directory), VARIABLE: token}


def token_jar(directory: Path) -> Path:
    """Return the jar in such a directory."""
    return directory / "gateway-token.jar"


def _write_jar(flink_home: Path, target: Path, token: str, progress: Callable[[str], None]) -> bool:
    """Write a jar with the patched classes and a token; return False if the patches do not fit."""
    classes: dict[str, bytes] = {}
    for jar in sorted((flink_home / "opt").glob("flink-python-*.jar"))[:1]:
        for patch in (GATEWAY_SERVER, CALLBACK_CLIENT):
            patched = provide_patched(jar, patch, progress=progress)
            if patched is None:
                return False
            with zipfile.ZipFile(patched) as archive:
                classes[patch.member] = archive.read(patch.member).replace(_PLACEHOLDER.encode(), token.encode())
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", _manifest(sorted((flink_home / "lib").glob("*.jar"))))
        for member, content in classes.items():
            archive.writestr(member, content)
    return bool(classes)


def _manifest(jars: Sequence[Path]) -> str:
    """Return a manifest whose class path has these jars.

    The format allows 72 bytes in a line; a longer value continues in the next one after a space.
    """
    value = "Class-Path: " + " ".join(jar.absolute().as_uri() for jar in jars)
    first, rest = value[:_MANIFEST_BYTES], value[_MANIFEST_BYTES:]
    step = _MANIFEST_BYTES - 1
    lines = [first, *(f" {rest[at : at + step]}" for at in range(0, len(rest), step))]
    return "\r\n".join(["Manifest-Version: 1.0", *lines, "", ""])
