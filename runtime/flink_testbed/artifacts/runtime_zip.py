"""Pack the bundled runtime into a zip file for jobs.

Jobs import it from there and never see the harness's packages.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
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
    digest = hashlib.sha256()
    for name, content in members.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)

    def build(directory: Path) -> dict[str, Any]:
        with zipfile.ZipFile(directory / f"{_PACKAGE}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                # With a fixed time stamp, so that the same content is the same file.
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
        return {"members": len(members)}

    key = digest.hexdigest()[:16]
    return provide_entry("runtime", key, build, needs_mib=1, progress=lambda _: None).path / f"{_PACKAGE}.zip"
