"""The conditions of a session: the policy to judge by, the secrets to mask, and the machine."""

from __future__ import annotations

import dataclasses
import os
import platform

from pytest_flink_agents.gate import Policy, history_of
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.server import CI_RUN, CiServer
from pytest_flink_agents.report.stored_run import load_baseline, read_history
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.version import __version__


def policy_of(settings: Settings, *, decides: bool) -> Policy:
    """Return the policy with the history that it needs; workers of pytest-xdist leave the verdict to the controller."""
    policy = _policy(settings, decides=decides)
    if not decides or policy.rules.screening is None:
        return policy
    sessions = read_history(settings.report_dir, before=None)
    return dataclasses.replace(policy, history=history_of(sessions, policy.rules.screening.runs))


def _policy(settings: Settings, *, decides: bool) -> Policy:
    baseline = load_baseline(settings.baseline, settings.root) if settings.baseline and decides else None
    session = Policy(settings.profile, settings.tiers, settings.named_tiers, baseline=baseline)
    if settings.policy is None:
        return session
    # Imported here: a session without a policy file does not pay for its language.
    from pytest_flink_agents.policy.load import under_policy

    return under_policy(settings.policy, settings.root, session)


def redactor_of(settings: Settings) -> Redactor:
    """Return the redactor of the secrets in the environment and in the files that options name."""
    redactor = Redactor(os.environ, settings.allowed_env, settings.plain_env)
    if settings.kafka_security:
        redactor.learn(settings.kafka_security.secrets)
    if settings.configuration:
        # Imported here: most sessions have no such file.
        from pytest_flink_agents.scenario.boundary.project import Project
        from pytest_flink_agents.scenario.flink_options import session_configuration

        configuration = session_configuration(Project.of(settings))
        redactor.learn(configuration.secrets if configuration else ())
    return redactor


def environment_of(server: CiServer) -> dict[str, str]:
    """Return the facts of the machine for a report."""
    facts = {
        "pytest-flink-agents": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": str(os.cpu_count()),
    }
    return {**facts, **({CI_RUN: server.run_url} if server.run_url else {})}
