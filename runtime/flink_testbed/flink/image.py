"""The image of a cluster's containers.

It is built from the job environment or named by the user.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.artifacts.java import packaged_java
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.containers.build import ImagePlan, default_base, provide_image
from flink_testbed.containers.owned import OwnedContainers
from flink_testbed.containers.spec import ContainerSpec
from flink_testbed.core.problem import HostError, Problem

Progress = Callable[[str], None]

_RECIPE = Path(__file__).parent / "image" / "Dockerfile"
REPOSITORY = "pytest-flink-agents/flink"
_PROBE_S = 60.0
_PROBE_MIB = 512
_PROBE = """
import ctypes, glob, importlib.util, json, os, platform, re, shutil, sys, sysconfig
from importlib import metadata
def version(name):
    try: return metadata.version(name)
    except metadata.PackageNotFoundError: return ""
home = os.environ.get("JAVA_HOME") or ""
java = os.path.join(home, "bin", "java") if home else shutil.which("java") or ""
release = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(java))), "release")
known = re.search('JAVA_VERSION="([0-9.]+)', open(release).read()) if java and os.path.exists(release) else None
pyflink = importlib.util.find_spec("pyflink")
flink = list(pyflink.submodule_search_locations)[0] if pyflink else ""
classes = sorted(glob.glob(flink + "/lib/*.jar")) + sorted(glob.glob(flink + "/opt/flink-python-*.jar")) if flink else []
library = sysconfig.get_config_var("Py_ENABLE_SHARED") and sysconfig.get_config_var("INSTSONAME")
def loads(name):
    try: return bool(ctypes.CDLL(name))
    except OSError: return os.path.exists(os.path.join(sysconfig.get_config_var("LIBDIR") or "", name))
print(json.dumps({"python": sys.executable, "python_version": platform.python_version(),
    "embeds_python": not library or loads(library), "site_packages": sysconfig.get_paths()["purelib"],
    "java": java, "java_version": known.group(1) if known else "", "flink_version": version("apache-flink"),
    "flink_home": flink, "classes": classes, "flink_agents_version": version("flink-agents")}))
"""


@dataclass(frozen=True, slots=True)
class FlinkImage:
    """An image and its contents.

    Paths are those inside the image; a version is empty if the image lacks the program or package.
    ``embeds_python`` is True if a JVM can load its Python: an interpreter that is linked
    dynamically needs its shared library.
    """

    reference: str
    python: str
    python_version: str
    java: str
    java_version: str
    flink_version: str
    flink_home: str
    flink_agents_version: str
    site_packages: str
    classes: tuple[str, ...]
    embeds_python: bool


def provide_flink_image(
    owned: OwnedContainers, environment: JobEnvironment, release: FlinkRelease, *, base: str, progress: Progress
) -> FlinkImage:
    """Return the image for a job environment.

    It is built first if the engine lacks it, which takes about a minute.

    ``base`` is the image to build on; it is pulled if the engine lacks it.
    """
    engine = owned.engine
    base = base or default_base(environment.python_version)
    base_id = engine.require_image(base, progress=progress)
    java = packaged_java(release.line, progress=progress)
    content = [_RECIPE.read_bytes(), base_id.encode(), java.version.encode(), *_records(environment.site_packages)]
    tag = f"{REPOSITORY}:{release.version}-{hashlib.sha256(b'|'.join(content)).hexdigest()[:12]}"
    plan = ImagePlan(
        tag,
        _RECIPE,
        {"BASE": base, "PYTHON": _minor(environment.python_version)},
        {
            "pytest-flink-agents.flink": environment.flink_version,
            "pytest-flink-agents.flink-agents": environment.flink_agents_version,
        },
        {"java": java.home, "site-packages": environment.site_packages},
    )

    def before() -> None:
        _require_likeness(owned, base, environment)
        progress(f"containers: building {tag} from {base} (once; about 1 min)")

    provide_image(engine, plan, before=before)
    return inspect_image(owned, tag)


def require_flink_image(
    owned: OwnedContainers,
    environment: JobEnvironment,
    release: FlinkRelease,
    *,
    image: str,
    base: str,
    progress: Progress,
) -> FlinkImage:
    """Return the named image, or one built on ``base`` if ``image`` is empty.

    Raises :class:`HostError` FA471 to FA474 if there is none that fits the job environment.
    """
    if image:
        owned.engine.require_image(image, progress=progress)
        found = inspect_image(owned, image)
    else:
        found = provide_flink_image(owned, environment, release, base=base, progress=progress)
    require_fit(found, environment)
    return found


def inspect_image(owned: OwnedContainers, reference: str) -> FlinkImage:
    """Return the contents of an image, as found by its own ``python3``."""
    facts = _ask(owned, reference, _PROBE)
    names = {field.name for field in fields(FlinkImage)} - {"reference", "classes"}
    return FlinkImage(reference, classes=tuple(facts["classes"]), **{name: facts[name] for name in names})


def require_fit(image: FlinkImage, environment: JobEnvironment) -> None:
    """Raise :class:`HostError` FA474 unless the environment's jobs can run there."""
    wanted = {
        f"Python {_minor(environment.python_version)}": f"Python {_minor(image.python_version)}",
        f"apache-flink {environment.flink_version}": f"apache-flink {image.flink_version}".rstrip(),
        f"flink-agents {environment.flink_agents_version}": f"flink-agents {image.flink_agents_version}".rstrip(),
        "Java": "Java" if image.java_version else "",
        "Python's shared library": "Python's shared library" if image.embeds_python else "",
    }
    wrong = {name: seen for name, seen in wanted.items() if name != seen}
    if wrong:
        raise HostError(
            Problem(
                "FA474",
                "the image does not fit the job environment",
                where=image.reference,
                expected=", ".join(wrong),
                seen=", ".join(seen if " " in seen else f"no {seen or name}" for name, seen in wrong.items()),
                next_step="name an image with the same versions, or omit --flink-image to have one built",
            )
        )


def _ask(owned: OwnedContainers, reference: str, program: str) -> dict[str, Any]:
    engine = owned.engine
    spec = ContainerSpec("probe", reference, ("python3", "-c", program), engine.user, _PROBE_MIB, 64)
    done = owned.run(spec, f"probe-{os.urandom(3).hex()}", timeout_s=_PROBE_S)
    try:
        return dict(json.loads(done.output.splitlines()[-1]))
    except (ValueError, IndexError):
        raise HostError(
            Problem(
                "FA474",
                "the image cannot run python3",
                where=reference,
                expected="an image with python3 on its PATH",
                seen=done.output[-500:] or f"exit code {done.returncode}",
            )
        ) from None


def _require_likeness(owned: OwnedContainers, base: str, environment: JobEnvironment) -> None:
    """Raise :class:`HostError` FA474 unless the base image can run this machine's packages.

    They are copied into the image, native extensions included: system, processor and Python must
    match.
    """
    program = "import json, platform as p; print(json.dumps({'is': [p.system(), p.machine(), p.python_version()]}))"
    system, machine, version = _ask(owned, base, program)["is"]
    wanted = (platform.system(), platform.machine(), _minor(environment.python_version))
    if (system, machine, _minor(version)) != wanted:
        raise HostError(
            Problem(
                "FA474",
                "the base image does not match the job environment",
                where=base,
                expected=f"{wanted[0]} on {wanted[1]} with Python {wanted[2]}, as on this machine",
                seen=f"{system} on {machine} with Python {version}",
                next_step=f"omit --flink-base-image: a job environment is then built on an image with its own Python, here "
                f"{default_base(wanted[2])}; or name a complete image with --flink-image",
            )
        )


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _records(site_packages: Path) -> Iterator[bytes]:
    """Yield each installed package's list of files and digests."""
    for record in sorted(site_packages.glob("*.dist-info/RECORD")):
        yield record.read_bytes()
