"""The settings of a session as one frozen value.

Knows nothing of pytest; the package ``options`` fills it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_flink_agents.vocabulary import Engine, ModelMode, ModelPrice, RequirementKind, RestAuth, Tier

if TYPE_CHECKING:
    from flink_testbed.flink.access import RestAccess
    from flink_testbed.kafka.security import KafkaSecurity


AUTO_TIERS = (Tier.LOCAL, Tier.EMBEDDED)
POLICY_FILE = "flink-agents-policy.yaml"
_DECIDING = (
    *("flink_versions", "tiers", "named_tiers", "engine", "flink_agents", "flink_image", "flink_base_image"),
    *("kafka_image", "parallelism", "scenario_runs", "requirements", "always_replay", "profile"),
)
KEEP = ("never", "on-failure", "always")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one test session.

    ``flink_versions`` and ``tiers`` are in the order in which the user gave them. ``named_tiers``
    are the ``tiers`` if the user named them, and empty if ``auto`` chose them. ``processes`` is the
    number of processes that run scenarios at the same time, ``scenario_runs`` the number of runs of
    a scenario without Flink, ``report_runs`` the number of run folders that are kept. With
    ``gate`` the exit code is the verdict's; ``policy`` is the file that it is made by, None without one, and
    ``profile`` the one to judge by; ``baseline`` is the stored session to compare with. Values of
    ``allowed_env`` are secrets unless ``plain_env`` names the variable too. ``requirements`` are those of every job environment,
    besides a scenario's own. ``configuration`` is the Flink configuration of ``--flink-conf-dir``.
    ``sign_key`` names the private key for the report: a file, or a variable as ``env:NAME``; empty without one.
    ``shard`` is index and number of the part of all items that runs, None for all of them.
    ``named_parallelism`` is True if the user named the ``parallelism``. ``verbose`` is True with
    ``-v``. ``debug_terminal`` is the terminal that ``breakpoint()`` in an agent opens, empty for
    none. ``prices`` are those of models by name. ``always_replay`` is the default of that word of
    scenarios. With ``compare_tiers`` the report shows the runs of each scenario on several tiers beside each other.
    ``rest_auth`` is about the REST API of embedded clusters. ``llm_mode`` is the mode of
    scenarios whose model is not scripted, None for their own; their cassettes are below ``cassette_dir``, None for beside
    the scenario, and are written over with ``llm_overwrite``. ``otel`` is the file or
    the URL that traces go to, empty for none.
    """

    root: Path
    python_path: tuple[Path, ...]
    flink_versions: tuple[str, ...] = ("2.2",)
    tiers: tuple[Tier, ...] = AUTO_TIERS
    named_tiers: tuple[Tier, ...] = ()
    remote: RestAccess | None = None
    engine: Engine = Engine.AUTO
    flink_agents: str = ""
    job_python: Path | None = None
    flink_image: str = ""
    flink_base_image: str = ""
    kafka_image: str = ""
    parallelism: int = 1
    processes: int = 1
    startup_timeout_s: float = 60.0
    kafka_bootstrap: str = ""
    kafka_security: KafkaSecurity | None = None
    keep: str = "never"
    reuse: bool = False
    rest_auth: RestAuth = RestAuth.AUTO
    gate: bool = False
    otel: str = ""
    policy: Path | None = None
    profile: str = "default"
    baseline: Path | None = None
    report_dir: Path = Path("flink-agents-report")
    report_runs: int = 20
    sign_key: str = ""
    shard: tuple[int, int] | None = None
    verbose: bool = False
    debug_terminal: str = ""
    scenario_seed: int | None = None
    scenario_runs: int = 1
    allowed_env: tuple[str, ...] = ()
    plain_env: tuple[str, ...] = ()
    allowed_packages: tuple[str, ...] = ()
    requirement_kinds: tuple[RequirementKind, ...] = ()
    requirements: tuple[str, ...] = ()
    configuration: Path | None = None
    named_parallelism: bool = False
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    always_replay: bool = False
    compare_tiers: bool = False
    llm_mode: ModelMode | None = None
    llm_overwrite: bool = False
    cassette_dir: Path | None = None

    @property
    def jobs_in_containers(self) -> bool:
        """True if all jobs on Flink run in containers."""
        return Tier.CONTAINER in self.tiers and not {Tier.EMBEDDED, Tier.REMOTE}.intersection(self.tiers)

    @property
    def tiers_left_out(self) -> tuple[Tier, ...]:
        """The tiers that ``auto`` has and that the user did not name; none if ``auto`` chose."""
        return tuple(tier for tier in auto_tiers(remote=self.remote is not None) if tier not in self.tiers)

    @property
    def deciding(self) -> dict[str, str]:
        """The options that change what a run shows, as text by their names; parts of one session have the same."""
        return {name: _text(getattr(self, name)) for name in _DECIDING}

    def with_requirements(self, own: Iterable[str]) -> tuple[str, ...]:
        """Return the project's requirements and a scenario's ``own``, each once."""
        return tuple(dict.fromkeys((*self.requirements, *own)))

    def seeds(self, tier: str) -> tuple[int | None, ...]:
        """Return a seed for each run of a scenario on a tier.

        A run without a seed (None) takes keys in the order of arrival, as Flink always does.
        """
        if tier != Tier.LOCAL or self.scenario_seed is None:
            return (None,)
        return tuple(range(self.scenario_seed, self.scenario_seed + self.scenario_runs))


def auto_tiers(*, remote: bool) -> tuple[Tier, ...]:
    """Return the tiers of ``auto``, with or without the address of a remote cluster."""
    return (Tier.LOCAL, Tier.REMOTE) if remote else AUTO_TIERS


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
