"""The check of connections that left the machine."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.vocabulary import Engine

_PATH = ("network",)
_SHOWN = 5


def check_network(scenario: str, *, limited: bool, demanded: bool, evidence: Evidence) -> CheckResult:
    """Return *invalid* if a connection was blocked, whether the agent reported it or not.

    ``limited`` is True if the scenario's network is not open, ``demanded`` if the scenario says so
    itself. *Unknown* without the record of a limit that was demanded, or that the bundled engine
    writes for each of its agents. Upstream's engine and the parts of a job that are no agents have no limit.
    """
    if not limited:
        return CheckResult("network", Validity.VALID)
    if evidence.blocked is None:
        if not demanded and evidence.engine != Engine.BUNDLED.value:
            return CheckResult("network", Validity.VALID)
        message = f"no process of engine {evidence.engine} on tier {evidence.tier} limited its connections"
        finding = Finding(message, _PATH, "the bundled engine, or network: open", "no record of a limit")
        return CheckResult("network", Validity.UNKNOWN, (finding,))
    findings = [
        Finding(f"scenario {scenario!r}: a connection to {address} was blocked", _PATH, _expected(address), address)
        for address in evidence.blocked[:_SHOWN]
    ]
    if len(evidence.blocked) > _SHOWN:
        findings.append(Finding(f"and {len(evidence.blocked) - _SHOWN} more addresses were blocked", _PATH))
    return CheckResult("network", Validity.INVALID if findings else Validity.VALID, tuple(findings))


def _expected(address: str) -> str:
    with_port = address if address.rpartition(":")[2].isdigit() else f"{address}:PORT"
    return f"loopback only; replace the service, or allow it: network: [{with_port}]"
