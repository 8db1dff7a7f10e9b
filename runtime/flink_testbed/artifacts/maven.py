"""Download single files from a Maven repository, through jgo.

The repository is ``FLINK_AGENTS_MAVEN_MIRROR`` (upstream's variable for its own jars), else the
mirror of Maven Central in ``~/.m2/settings.xml``, else Maven Central. Proxies, certificates and
credentials are those of the ``requests`` library: ``HTTPS_PROXY``, ``REQUESTS_CA_BUNDLE``,
``~/.netrc``.
"""

from __future__ import annotations

import contextlib
import os
import re
import xml.etree.ElementTree as Xml
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError

MIRROR_VARIABLE = "FLINK_AGENTS_MAVEN_MIRROR"
_CENTRAL = "central"
_ANSWER_S = 30
_DOWNLOAD_S = 600.0


@dataclass(frozen=True, slots=True)
class MavenRepository:
    """A Maven repository and who configured it.

    ``url`` may contain a token and is never shown; ``source`` is.
    """

    url: str
    source: str


def maven_repository() -> MavenRepository:
    """Return the repository that the user's settings choose."""
    url = os.environ.get(MIRROR_VARIABLE, "").strip()
    if url:
        return MavenRepository(url.rstrip("/"), f"the mirror of {MIRROR_VARIABLE}")
    settings = Path.home() / ".m2" / "settings.xml"
    mirror = central_mirror(settings)
    if mirror:
        return MavenRepository(mirror.rstrip("/"), f"the mirror of {settings}")
    from jgo.constants import MAVEN_CENTRAL_URL

    return MavenRepository(MAVEN_CENTRAL_URL, "Maven Central")


def central_mirror(settings: Path) -> str | None:
    """Return the URL of the mirror that Maven would use for Central.

    None if there is none. As in Maven, a mirror that names ``central`` precedes the first whose
    pattern includes it. Raises :class:`HostError` FA450 if the settings cannot be read.
    """
    try:
        root = Xml.fromstring(settings.read_text(encoding="utf-8"))  # noqa: S314 - the user's own file
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, Xml.ParseError) as error:
        raise HostError(
            Problem(
                "FA450",
                "Maven's settings cannot be read",
                where=os.fspath(settings),
                expected="valid XML",
                seen=type(error).__name__,
                next_step=f"correct the file, or set {MIRROR_VARIABLE} to a mirror, which takes precedence",
            )
        ) from error
    mirrors = [
        (mirror.findtext("{*}mirrorOf") or "", mirror.findtext("{*}url") or "")
        for mirror in root.findall("{*}mirrors/{*}mirror")
    ]
    by_name = [url for of, url in mirrors if of.strip() == _CENTRAL]
    chosen = next(iter(by_name + [url for of, url in mirrors if _includes_central(of)]), None)
    return _expand_variables(chosen.strip()) if chosen else None


def _includes_central(mirror_of: str) -> bool:
    """Return True if a ``mirrorOf`` list includes Central.

    Such as ``*,!snapshots`` or ``external:*``.
    """
    patterns = {pattern.strip() for pattern in mirror_of.split(",")}
    return f"!{_CENTRAL}" not in patterns and not patterns.isdisjoint({"*", "external:*", _CENTRAL})


def _expand_variables(url: str) -> str:
    """Replace each ``${env.NAME}`` by the variable, as Maven does; unknown ones stay."""
    return re.sub(r"\$\{env\.([^}]+)\}", lambda match: os.environ.get(match.group(1), match.group(0)), url)


def download(coordinate: str, repository: MavenRepository, directory: Path) -> Path:
    """Download the jar of ``group:artifact:version`` below ``directory``, which must not have it yet.

    The file may be incomplete or altered: the caller must check it. Raises :class:`HostError` FA414
    if the repository is unreachable, FA451 if it lacks the file or the download breaks off.
    """
    import requests
    from jgo.maven import MavenContext, PythonResolver

    group, artifact, version = coordinate.split(":")
    context = MavenContext(
        resolver=PythonResolver(progress_callback=_deadline),
        repo_cache=directory,
        local_repos=[],
        remote_repos={repository.source: repository.url},
        timeout=_ANSWER_S,
    )
    try:
        return context.project(group, artifact).at_version(version).artifact().resolve()
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _unreachable(coordinate, repository, error) from None
    except requests.RequestException as error:
        raise _not_downloaded(coordinate, repository, f"the download broke off: {type(error).__name__}") from None
    except RuntimeError:  # jgo raises it for any other response; its text contains the URL
        raise _not_downloaded(coordinate, repository, "the repository lacks it or denies access") from None


def is_offered(coordinate: str, repository: MavenRepository, timeout_s: float) -> bool:
    """Return True if the repository has the jar.

    Asked by HEAD; False after about ``timeout_s`` seconds.
    """
    import requests

    group, artifact, version = coordinate.split(":")
    path = f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"
    try:
        answer = requests.head(f"{repository.url}/{path}", timeout=timeout_s, allow_redirects=True)
    except requests.RequestException:
        return False
    return answer.ok


@contextlib.contextmanager
def _deadline(file_name: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Give jgo a callback for each chunk that limits the whole download.

    The timeout of requests applies to single reads, so a slow trickle would never end.
    """
    deadline, received = clock.now_s() + _DOWNLOAD_S, 0

    def count(size: int) -> None:
        nonlocal received
        received += size
        if clock.now_s() > deadline:
            raise WaitTimeoutError(
                Problem(
                    "FA401",
                    f"waited {_DOWNLOAD_S:g} s for the download of {file_name}",
                    expected=f"{_total} bytes",
                    seen=f"{received} bytes",
                    next_step=f"check the connection, or set {MIRROR_VARIABLE} to a mirror",
                )
            )

    yield count


def _unreachable(coordinate: str, repository: MavenRepository, error: Exception) -> HostError:
    return HostError(
        Problem(
            "FA414",
            f"no network at first run: cannot download {coordinate}",
            expected="a reachable Maven repository; later runs need none, as downloads are cached",
            seen=f"no answer ({type(error).__name__}) from {repository.source}",
            next_step=f"connect, or configure a mirror in {MIRROR_VARIABLE} or ~/.m2/settings.xml",
        )
    )


def _not_downloaded(coordinate: str, repository: MavenRepository, seen: str) -> HostError:
    return HostError(
        Problem(
            "FA451",
            f"{coordinate} could not be downloaded",
            expected="the complete jar",
            seen=f"{seen} ({repository.source})",
            next_step=f"run again, or configure another mirror in {MIRROR_VARIABLE} or ~/.m2/settings.xml",
        )
    )
