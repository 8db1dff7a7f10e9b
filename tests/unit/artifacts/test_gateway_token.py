"""The token of PyFlink's gateway. The classes are handwritten; integration tests use the real ones."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from struct import pack

import pytest

from flink_testbed.artifacts.class_file import ALOAD_0, GETFIELD, INVOKESPECIAL, ClassFile
from flink_testbed.artifacts.gateway_token import CALLBACK_CLIENT, GATEWAY_SERVER, VARIABLE, token_variables

PY4J = "org/apache/flink/api/python/shaded/py4j"
TEXT = "Ljava/lang/String;"


def class_with(code: Callable[[ClassFile], bytes]) -> bytes:
    """Return a class of nothing but constants and this code."""
    java = ClassFile(b"\xca\xfe\xba\xbe" + pack(">HHH", 0, 55, 1))
    instructions = code(java)
    return java.content() + instructions


def server(java: ClassFile) -> bytes:
    owner = f"{PY4J}/GatewayServer"
    token, commands = java.field(owner, "authToken", TEXT), java.field(owner, "customCommands", "Ljava/util/List;")
    return ALOAD_0 + GETFIELD + token + ALOAD_0 + GETFIELD + commands


def client(java: ClassFile) -> bytes:
    kind = f"(ILjava/net/InetAddress;Ljavax/net/SocketFactory;I{TEXT})V"
    token = java.field(f"{PY4J}/CallbackClient", "authToken", TEXT)
    return ALOAD_0 + GETFIELD + token + INVOKESPECIAL + java.method(f"{PY4J}/CallbackConnection", "<init>", kind)


def flink_home(folder: Path, server_class: bytes) -> Path:
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "flink-dist.jar").touch()
    (folder / "opt").mkdir()
    with zipfile.ZipFile(folder / "opt" / "flink-python-9.jar", "w") as jar:
        jar.writestr(GATEWAY_SERVER.member, server_class)
        jar.writestr(CALLBACK_CLIENT.member, class_with(client))
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))


def test_each_directory_has_a_token_of_its_own_in_both_classes(tmp_path: Path) -> None:
    home = flink_home(tmp_path / "flink", class_with(server))
    tokens = []
    for name in ("a", "b"):
        variables = token_variables(home, tmp_path / name, progress=pytest.fail)
        directory = Path(variables["FLINK_LIB_DIR"])
        assert [path.name for path in directory.iterdir()] == ["gateway-token.jar"]
        tokens.append(variables[VARIABLE])
        with zipfile.ZipFile(directory / "gateway-token.jar") as jar:
            manifest = jar.read("META-INF/MANIFEST.MF").decode()
            assert max(map(len, manifest.splitlines())) <= 72
            (entry,) = manifest.replace("\r\n ", "").partition("Class-Path: ")[2].split()
            assert entry == (home / "lib" / "flink-dist.jar").as_uri()
            for patch in (GATEWAY_SERVER, CALLBACK_CLIENT):
                content = jar.read(patch.member)
                assert content.count(tokens[-1].encode()) == 1
                assert (
                    ALOAD_0 + GETFIELD + ClassFile(content).field(patch.member[:-6], "authToken", TEXT) not in content
                )
    assert len(set(tokens)) == 2
    assert len(tokens[0]) == 32


def test_the_cache_holds_no_token(tmp_path: Path) -> None:
    variables = token_variables(
        flink_home(tmp_path / "flink", class_with(server)), tmp_path / "a", progress=pytest.fail
    )
    cached = [path.read_bytes() for path in (tmp_path / "cache").rglob("*.jar")]
    assert len(cached) == 2
    assert not [content for content in cached if variables[VARIABLE].encode() in content]


def test_without_fitting_classes_there_is_no_token_and_a_word_about_it(tmp_path: Path) -> None:
    said: list[str] = []
    home = flink_home(tmp_path / "flink", class_with(lambda java: b"\x00"))
    assert token_variables(home, tmp_path / "a", progress=said.append) == {}
    assert "flink-python-9.jar: PyFlink's gateway requires NO token" in said[0]
