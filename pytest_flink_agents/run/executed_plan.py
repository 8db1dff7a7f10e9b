"""The digest of the plan that a run executed, equal for runs of the same agent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pytest_flink_agents.identity import digest_of
from pytest_flink_agents.plan import plan_digest

# Options have sources of their own, whose digests are known; some are directories and topics of one run.
_OF_THE_RUN = ("config", "agent_name")


def executed_plan_digest(text: str | None, addresses: Mapping[str, str]) -> str:
    """Return ``sha256:...`` of a plan without its options, empty if no plan is known.

    ``addresses`` are those of the run's services by their placeholders, which stand for them in the digest: a port is
    another one in each session.
    """
    if text is None:
        return ""
    # The longest first: one address may begin with another.
    for name, address in sorted(addresses.items(), key=lambda each: len(each[1]), reverse=True):
        text = text.replace(json.dumps(address)[1:-1], f"${{{name}}}") if address else text
    plan = json.loads(text)
    return plan_digest({name: value for name, value in plan.items() if name not in _OF_THE_RUN})


def digest_together(each: Sequence[str | None]) -> str | None:
    """Return one digest of the plans of all versions that a run executed.

    None if one of them sent no plan, empty if one is not known.
    """
    known = [digest for digest in each if digest]
    if len(known) < len(each):
        return None if None in each else ""
    return known[0] if len(known) == 1 else digest_of(map(str.encode, known))
