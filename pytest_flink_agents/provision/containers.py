"""The container engine and the image of one test environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.containers.engine import connect
from flink_testbed.containers.owned import OwnedContainers
from flink_testbed.core.directories import cache_root
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.containers import ContainerCluster, with_image_paths
from flink_testbed.flink.image import FlinkImage, require_flink_image
from flink_testbed.ownership.container_owner import this_owner
from flink_testbed.ownership.session_record import SOCKETS, own_record
from pytest_flink_agents.settings import Settings


@dataclass(frozen=True, slots=True)
class ContainerParts:
    """A connected engine, and an image that fits the job environment.

    :meth:`close` it after its clusters.
    """

    settings: Settings
    owned: OwnedContainers
    image: FlinkImage
    site_packages: Path
    roots: tuple[Path, ...]
    folder: Path
    progress: Callable[[str], None]

    def cluster(self, config: ClusterConfig, directory: Path) -> ContainerCluster:
        """Return a cluster that is not started yet."""
        return ContainerCluster(
            self.owned,
            self.image,
            with_image_paths(config, self.site_packages, self.image),
            run_id=self.owned.owner.run_id,
            directory=directory,
            shared=self.folder,
            roots=self.roots,
            ports=cache_root() / "ports",
            startup_timeout_s=self.settings.startup_timeout_s,
            progress=self.progress,
        )

    def in_words(self) -> str:
        """Return the versions of engine and image, for the report."""
        image = self.image
        return (
            f"version {self.owned.engine.version}, image {image.reference}: Python {image.python_version}, "
            f"Java {image.java_version}, apache-flink {image.flink_version}, flink-agents {image.flink_agents_version}"
        )

    def close(self) -> None:
        """Remove the containers and networks of this run that still exist."""
        self.owned.close()


def provide_containers(
    settings: Settings,
    release: FlinkRelease,
    environment: JobEnvironment,
    *,
    roots: tuple[Path, ...],
    run_id: str,
    folder: Path,
    progress: Callable[[str], None],
) -> ContainerParts:
    """Connect to the engine and provide the image.

    Raises ``HostError`` FA470 to FA475; nothing is left behind then.
    """
    owned = OwnedContainers(connect(), this_owner(run_id))
    own_record(run_id).note(SOCKETS, str(owned.sockets))
    try:
        image = require_flink_image(
            owned,
            environment,
            release,
            image=settings.flink_image,
            base=settings.flink_base_image,
            progress=progress,
        )
    except BaseException:
        owned.close()
        raise
    return ContainerParts(settings, owned, image, environment.site_packages, roots, folder, progress)
