"""The table of tiers with Flink and the providers of their clusters.

A new tier is a new row.
"""

from __future__ import annotations

import dataclasses
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from flink_testbed.core.directories import cache_root
from flink_testbed.core.other_users import other_users
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.launched import LaunchedCluster
from flink_testbed.flink.remote import RemoteCluster
from flink_testbed.flink.standalone import StandaloneCluster
from flink_testbed.ownership.session_record import CLUSTER, JOBS, SOCKETS, own_record
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.provision.reuse import digest_of_cluster, reuse
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import RestAuth, Tier


class ClusterProvider(ABC):
    """One row of the table.

    ``shared`` tiers have one cluster for a session, which belongs to the controller; on the others
    each process connects by itself.
    """

    shared = True

    @abstractmethod
    def session_cluster(self, parts: JobParts, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Start the session's cluster or its variant, or connect to it.

        Raises ``HostError`` if that fails.
        """

    @abstractmethod
    def new_cluster(self, parts: JobParts, config: ClusterConfig, directory: Path) -> LaunchedCluster:
        """Return a new cluster, not started yet.

        The caller starts and ends it.
        """

    def digest(self, parts: JobParts) -> str:
        """Return the digest by which a later session finds a detached cluster.

        Empty if clusters of the tier cannot be reused.
        """
        return ""

    def forget(self, parts: JobParts, directory: str) -> None:
        """Remove a detached cluster from the session's record.

        Its holder owns it from now on.
        """
        own_record(parts.run_id).forget(CLUSTER, directory)

    def facts(self, parts: JobParts) -> Mapping[str, str]:
        """Return the report's facts about the tier, besides those of its cluster."""
        return {}


class EmbeddedProvider(ClusterProvider):
    """JVMs on this machine, started from the job environment."""

    def session_cluster(self, parts: JobParts, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Start a cluster, or reuse an equal one that was detached."""
        if parts.settings.reuse and variant == SESSION_CLUSTER:
            reused = reuse(self.digest(parts), parts.flink_home, parts.run_id, parts.progress)
            if reused:
                return reused
        return _started(
            self.new_cluster(parts, parts.cluster_config(variant), parts.unused_directory("embedded-cluster"))
        )

    def new_cluster(self, parts: JobParts, config: ClusterConfig, directory: Path) -> LaunchedCluster:
        """Return a standalone cluster."""
        own_record(parts.run_id).note(CLUSTER, str(directory.absolute()))
        return StandaloneCluster(
            parts.flink_home,
            self._config(parts, config),
            run_id=parts.run_id,
            directory=directory,
            ports=cache_root() / "ports",
            archives=cache_root() / "class-archives",
            startup_timeout_s=parts.settings.startup_timeout_s,
            environment={},
            progress=parts.progress,
        )

    def digest(self, parts: JobParts) -> str:
        """Return a digest of everything that the cluster consists of, code included."""
        return digest_of_cluster(parts.flink_home, self._config(parts, parts.cluster_config()))

    def facts(self, parts: JobParts) -> Mapping[str, str]:
        """Return who can use the REST API, and why."""
        reason = _reason_for_keys(parts.settings)
        return {"REST API": f"for this user only ({reason})" if reason else "open to all users of this machine"}

    def _config(self, parts: JobParts, config: ClusterConfig) -> ClusterConfig:
        config = dataclasses.replace(config, rest_auth=config.rest_auth or bool(_reason_for_keys(parts.settings)))
        return parts.with_engine(config, parts.java.version)


class ContainerProvider(ClusterProvider):
    """Containers of one image, at a container engine on this machine."""

    def session_cluster(self, parts: JobParts, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Start a cluster."""
        return _started(
            self.new_cluster(parts, parts.cluster_config(variant), parts.unused_directory("container-cluster"))
        )

    def new_cluster(self, parts: JobParts, config: ClusterConfig, directory: Path) -> LaunchedCluster:
        """Return a cluster of containers."""
        containers = parts.containers
        return containers.cluster(parts.with_engine(config, containers.image.java_version), directory)

    def forget(self, parts: JobParts, directory: str) -> None:
        """Remove cluster and sockets from the session's record."""
        super().forget(parts, directory)
        own_record(parts.run_id).forget(SOCKETS, str(parts.containers.owned.sockets))

    def facts(self, parts: JobParts) -> Mapping[str, str]:
        """Return engine and image."""
        return {"container engine": parts.containers.in_words()}


class RemoteProvider(ClusterProvider):
    """An external cluster at the address of ``--flink-rest-url``."""

    shared = False

    def session_cluster(self, parts: JobParts, variant: ClusterVariant = SESSION_CLUSTER) -> FlinkCluster:
        """Connect to the cluster."""
        access = parts.settings.remote
        assert access is not None, "the options require the address"
        assert variant == SESSION_CLUSTER, "an external cluster has no variants"
        parts.progress(f"Flink {parts.release.version}: connecting to {access.url}")
        directory = parts.directory / "remote-cluster"
        cluster = RemoteCluster(
            access, parts.java.home, parts.release.version, run_id=parts.run_id, directory=directory
        )
        cluster.connect()
        own_record(parts.run_id).note(JOBS, access.url)
        return cluster

    def new_cluster(self, parts: JobParts, config: ClusterConfig, directory: Path) -> LaunchedCluster:
        """Raise ``HostError`` FA440: nothing is started on an external cluster."""
        raise HostError(
            Problem(
                "FA440",
                "no cluster is started on the remote tier",
                next_step="run the tests that start clusters with --flink-tier=embedded",
            )
        )


CLUSTER_PROVIDERS: Mapping[Tier, ClusterProvider] = {
    Tier.EMBEDDED: EmbeddedProvider(),
    Tier.CONTAINER: ContainerProvider(),
    Tier.REMOTE: RemoteProvider(),
}


def _reason_for_keys(settings: Settings) -> str:
    """Return why the REST API of embedded clusters is for this user only, empty if it is not.

    A machine without openssl can run every scenario all the same, unless the option demands a key.
    """
    if settings.rest_auth is RestAuth.AUTO:
        return other_users() if shutil.which("openssl") else ""
    return f"--flink-rest-auth={RestAuth.ON}" if settings.rest_auth is RestAuth.ON else ""


def _started(cluster: LaunchedCluster) -> FlinkCluster:
    cluster.start()
    return cluster
