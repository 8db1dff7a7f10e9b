"""Single files from a Maven repository, through jgo: which repository, and what may go wrong.

The repository is the one of ``FLINK_AGENTS_MAVEN_MIRROR`` (upstream's variable for its own jars), else the mirror of
Maven Central in ``~/.m2/settings.xml``, else jgo's own, which is Maven Central. Proxies, certificates and credentials are
those of the ``requests`` library: ``HTTPS_PROXY``, ``REQUESTS_CA_BUNDLE``, ``~/.netrc``.
"""

from __future__ import annotations

import contextlib
import os
import re
import xml.etree.ElementTree as Xml
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError

MIRROR_VARIABLE = "FLINK_AGENTS_MAVEN_MIRROR"
_CENTRAL = "central"
_ANSWER_S = 30
_DOWNLOAD_S = 600.0


@dataclass(frozen=True, slots=True)
class MavenRepository:
    """Where jars come from. ``url`` may hold a token and is never shown; ``source`` calls it by who named it."""

    url: str
    source: str


def maven_repository() -> MavenRepository:
    """The repository of this user's settings."""
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
    """The address of the mirror that Maven would use for Central by these settings, None where there is none.

    As Maven does: a mirror of ``central`` by name goes before the first one that means it by a pattern.
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
                expected="XML, as Maven itself wants it",
                seen=type(error).__name__,
                next_step=f"correct the file, or name a mirror in {MIRROR_VARIABLE}, which goes before it",
            )
        ) from error
    mirrors = [
        (mirror.findtext("{*}mirrorOf") or "", mirror.findtext("{*}url") or "")
        for mirror in root.findall("{*}mirrors/{*}mirror")
    ]
    by_name = [url for of, url in mirrors if of.strip() == _CENTRAL]
    chosen = next(iter(by_name + [url for of, url in mirrors if _means_central(of)]), None)
    return _filled_in(chosen.strip()) if chosen else None


def _means_central(mirror_of: str) -> bool:
    """Whether a list such as ``*,!snapshots`` or ``external:*`` includes Central, which is external and HTTPS."""
    patterns = {pattern.strip() for pattern in mirror_of.split(",")}
    return f"!{_CENTRAL}" not in patterns and not patterns.isdisjoint({"*", "external:*", _CENTRAL})


def _filled_in(url: str) -> str:
    """``${env.NAME}`` stands for a variable, as Maven has it."""
    return re.sub(r"\$\{env\.([^}]+)\}", lambda match: os.environ.get(match.group(1), match.group(0)), url)


def download(coordinate: str, repository: MavenRepository, directory: Path) -> Path:
    """Fetch ``group:artifact:version``'s jar into a Maven layout below ``directory``, which holds none of it yet.

    What has come may be cut or altered: the caller checks it before its name means anything.
    Raises :class:`HostError` FA414 where nothing answers, FA451 where there is no such file or it is cut short.
    """
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
        raise _not_had(coordinate, repository, f"the download broke off: {type(error).__name__}") from None
    except RuntimeError:  # jgo's word for any answer that is no file; its text holds the address
        raise _not_had(coordinate, repository, "the repository does not have it, or does not give it to us") from None


def is_offered(coordinate: str, repository: MavenRepository, timeout_s: float) -> bool:
    """Whether the repository answers that it has the jar, within about ``timeout_s`` seconds. Downloads nothing."""
    group, artifact, version = coordinate.split(":")
    path = f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"
    try:
        answer = requests.head(f"{repository.url}/{path}", timeout=timeout_s, allow_redirects=True)
    except requests.RequestException:
        return False
    return answer.ok


@contextlib.contextmanager
def _deadline(file_name: str, _total: int) -> Iterator[Callable[[int], None]]:
    """Called by jgo with each piece that comes: a download that only drips has an end, too."""
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
                    next_step=f"look at the connection, or name a mirror in {MIRROR_VARIABLE}",
                )
            )

    yield count


def _unreachable(coordinate: str, repository: MavenRepository, error: Exception) -> HostError:
    return HostError(
        Problem(
            "FA414",
            f"no network at first run: cannot download {coordinate}",
            expected="a Maven repository that answers; later runs need none, what is downloaded is kept",
            seen=f"no answer ({type(error).__name__}) from {repository.source}",
            next_step=f"connect, or name a mirror in {MIRROR_VARIABLE} or in ~/.m2/settings.xml",
        )
    )


def _not_had(coordinate: str, repository: MavenRepository, seen: str) -> HostError:
    return HostError(
        Problem(
            "FA451",
            f"{coordinate} could not be downloaded",
            expected="the jar, whole",
            seen=f"{seen} ({repository.source})",
            next_step=f"run again, or name another mirror in {MIRROR_VARIABLE} or in ~/.m2/settings.xml",
        )
    )
