"""Pack the bundled runtime into a zip file for jobs.

Jobs import it from there and never see the harness's packages. Python keeps no bytecode of modules in
a zip file, and each process of a job would compile them again (70 ms of a processor), so the bytecode
is in the zip, too. A job with another version of Python than the harness finds that it does not fit and
compiles the sources.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import py_compile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry

_PACKAGE = "flink_agents_runtime"


def provide_runtime_zip() -> Path:
    """Return the zip of the installed runtime, cached by its content."""
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None, f"{_PACKAGE} is part of this distribution"
    assert spec.submodule_search_locations, f"{_PACKAGE} is a package"
    home = Path(spec.submodule_search_locations[0])
    members = {os.fspath(path.relative_to(home.parent)): path.read_bytes() for path in sorted(home.rglob("*.py"))}
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER)
    for name, content in members.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)

    def build(directory: Path) -> dict[str, Any]:
        with zipfile.ZipFile(directory / f"{_PACKAGE}.zip", "w") as archive:
            for name, content in members.items():
                _write(archive, name, content)
                _write(archive, f"{name}c", _bytecode(name, content))
        return {"members": len(members)}

    key = digest.hexdigest()[:16]
    return provide_entry("runtime", key, build, needs_mib=1, progress=lambda _: None).path / f"{_PACKAGE}.zip"


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # With a fixed time stamp, so that the same content is the same file.
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def _bytecode(name: str, content: bytes) -> bytes:
    # Without the time of the source: the zip has another one.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    with tempfile.TemporaryDirectory() as directory:
        # Compiled from the content in the zip: the file that it came from may have changed meanwhile.
        source, compiled = Path(directory, "module.py"), Path(directory, "module.pyc")
        source.write_bytes(content)
        # The name in tracebacks: where the zip will be is not known. With assertions, whatever the options of this
        # process: the bytecode is cached for others.
        py_compile.compile(
            os.fspath(source), os.fspath(compiled), dfile=name, doraise=True, invalidation_mode=mode, optimize=0
        )
        return compiled.read_bytes()
