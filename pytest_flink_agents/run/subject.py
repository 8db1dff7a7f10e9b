"""The subject of a run: an agent, a job or a script.

Placeholders are filled in already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, JobError, Problem
from pytest_flink_agents.checks.configuration import check_configuration
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.ledger import check_ledger
from pytest_flink_agents.checks.network import check_network
from pytest_flink_agents.checks.replays import check_replays
from pytest_flink_agents.evidence.model import UNLOCATED, Evidence
from pytest_flink_agents.evidence.unfinished import agent_name
from pytest_flink_agents.run.effects import incomplete_record

_CHECK = "if the test is about the failure, use run(..., check=False) and assert on evidence.failure"
_NETWORK = "replace the service, allow the address with run(..., network=[...]), or write network='open'"
_OPTIONS = "read the logs of the cluster in the run folder, or remove the options that it does not take"
_DEADLINE = "allow more time with within_s, or use run(..., check=False) and assert on evidence.complete"


@dataclass(frozen=True, slots=True)
class AllowedNetwork:
    """The addresses that a scenario may reach beside loopback, like ``host:port``."""

    scenario: str
    addresses: tuple[str, ...] = ()

    def fields(self, directory: Path) -> dict[str, Any]:
        """Return the limit for the runtime, which records what it blocks in a directory."""
        return {"scenario": self.scenario, "allowed": list(self.addresses), "directory": str(directory)}


@dataclass(frozen=True, slots=True)
class AgentSubject:
    """An agent with its resources, as the runtime takes them.

    ``spec`` has the fields ``agent`` (``module:Class``, or a mapping that names a file) and
    ``resources`` (sections of upstream's YAML). ``config`` are options of flink-agents,
    ``environment`` environment variables of the agent's process. ``network`` limits its connections,
    None if it may connect to everything. ``seed`` draws the order of keys on the local tier.
    ``reports_memory`` asks for the memory at the end. ``addresses`` are those of the run's services, by placeholder.
    """

    name: str
    spec: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1
    seed: int | None = None
    network: AllowedNetwork | None = None
    reports_memory: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobSubject:
    """A program that ``flink run`` submits: a Python file or a jar.

    ``network`` limits the connections of a Python program and of its agents, None if they may
    connect to everything. ``expected_outputs`` is how many outputs an unbounded job writes before it is done, None if that
    is not known.
    """

    file: Path
    args: tuple[str, ...] = ()
    main_class: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1
    expected_outputs: int | None = None
    network: AllowedNetwork | None = None


@dataclass(frozen=True, slots=True)
class ScriptSubject:
    """A Python script that creates its own local agents environment.

    ``seed`` draws the order of keys.
    """

    file: Path
    args: tuple[str, ...] = ()
    seed: int | None = None


Subject = AgentSubject | JobSubject | ScriptSubject


def described(subject: Subject) -> str:
    """Return a description of the subject for messages."""
    if isinstance(subject, AgentSubject):
        return f"agent {agent_name(subject.spec['agent'])}"
    return f"{'job' if isinstance(subject, JobSubject) else 'script'} {subject.file.name}"


class AgentRefusedError(JobError):
    """An agent that cannot be built. ``problem`` says what to change.

    ``version`` is the one of an upgrade that it is, empty without one.
    """

    def __init__(self, problem: Problem, version: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.version = version


class AgentFailedError(JobError):
    """A run of a Python test that failed, or missed its deadline.

    ``evidence`` is that of the run.
    """

    def __init__(self, problem: Problem, evidence: Evidence) -> None:
        super().__init__(problem)
        self.evidence = evidence


def require_whole_record(evidence: Evidence) -> None:
    """Raise ``HostError`` if calls of the run may be missing in its evidence."""
    if evidence.effects_unknown:
        raise incomplete_record(evidence.files.get("effects", ""), evidence.effects_unknown)


def require_configuration(evidence: Evidence) -> None:
    """Raise ``HostError`` if the cluster ran without options that it was given.

    Such a run proves nothing about a job in that configuration, whatever its outputs are.
    """
    findings = check_configuration(evidence).findings
    if findings:
        message = "the cluster ran without options that it was given: nothing is known of this run"
        expected = "; ".join(str(finding.expected) for finding in findings)
        seen = "\n".join(finding.message for finding in findings)
        raise HostError(Problem("FA447", message, expected=expected, seen=seen, next_step=_OPTIONS))


def require_routes(evidence: Evidence) -> None:
    """Raise ``AgentFailedError`` if a call had no route: the agent may have ignored its answer."""
    for finding in check_ledger(evidence).findings:
        next_step = "declare the route in effects=, or use run(..., check=False)"
        problem = Problem("FA223", finding.message, expected=finding.expected, seen=finding.seen, next_step=next_step)
        raise AgentFailedError(problem, evidence)


def require_success(evidence: Evidence) -> None:
    """Raise ``AgentFailedError`` if a run failed or missed its deadline.

    No assertion on the outputs of such a run may pass.
    """
    failure = evidence.failure
    if failure is not None:
        by = f"action {failure.action} of agent {failure.agent}" if failure.action else "the run"
        place = f"key {failure.key!r}, input {failure.input!r}" if failure.located else UNLOCATED
        at = f", {place}" if failure.action else ""
        raise AgentFailedError(
            Problem("FA221", f"{by} failed{at}", seen=failure.words, next_step=_CHECK, detail=failure.traceback),
            evidence,
        )
    if not evidence.complete:
        late = f"the run missed its deadline of {evidence.timed_out_after_s} s"
        raise AgentFailedError(Problem("FA222", late, next_step=_DEADLINE, detail=evidence.log_tail), evidence)


def require_replays(evidence: Evidence, *, demanded: bool = False) -> None:
    """Raise ``AgentFailedError`` if a replay ended otherwise, or if that is not known of one.

    It is not known, either, if the test ``demanded`` replays of a run that reached its end, and there are none.
    """
    ended = evidence.complete and evidence.failure is None
    if evidence.replays is None and not (demanded and ended):
        return
    result = check_replays((), evidence)
    doubt = "the replays cannot be judged: " if result.validity is Validity.UNKNOWN else ""
    for finding in () if result.validity is Validity.VALID else result.findings:
        problem = Problem("FA224", doubt + finding.message, expected=_text(finding.expected), seen=_text(finding.seen))
        raise AgentFailedError(problem, evidence)


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)


def require_network(evidence: Evidence, allowed: AllowedNetwork | None, *, demanded: bool) -> None:
    """Raise ``AgentFailedError`` if a connection was blocked, also one that the agent did without.

    Raises ``HostError`` if a limit that the test has ``demanded``, or that the bundled engine
    keeps, left no record: nothing is known of the run's connections then.
    """
    scenario = allowed.scenario if allowed else ""
    result = check_network(scenario, limited=allowed is not None, demanded=demanded, evidence=evidence)
    if result.validity is Validity.INVALID:
        away = f"connections to {', '.join(evidence.blocked or ())} were blocked, because the network is closed"
        raise AgentFailedError(Problem("FA221", away, next_step=_NETWORK), evidence)
    for finding in result.findings:
        next_step = "use --flink-engine=bundled, or write network='open'"
        raise HostError(Problem("FA428", finding.message, seen=finding.seen, next_step=next_step))
