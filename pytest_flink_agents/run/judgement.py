"""Judge the evidence of one run of a scenario, and explain what is not as expected. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pytest_flink_agents.checks.comparison import NAME as COMPARE
from pytest_flink_agents.checks.comparison import Compared, check_comparison
from pytest_flink_agents.checks.configuration import check_configuration
from pytest_flink_agents.checks.custom import CustomCheck, check_custom
from pytest_flink_agents.checks.delivery import NAME as DELIVERY
from pytest_flink_agents.checks.delivery import check_action_delivery, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.held_inputs import NAME as INPUTS
from pytest_flink_agents.checks.held_inputs import check_inputs_sent
from pytest_flink_agents.checks.history.invariant import together
from pytest_flink_agents.checks.job import check_acted, check_ended, check_failure
from pytest_flink_agents.checks.judge import judge
from pytest_flink_agents.checks.ledger import LEDGER, check_ledger
from pytest_flink_agents.checks.lent_evidence import Lender
from pytest_flink_agents.checks.logs import NAME as LOGS
from pytest_flink_agents.checks.logs import check_logs
from pytest_flink_agents.checks.models import check_model_calls, check_script_used
from pytest_flink_agents.checks.network import check_network
from pytest_flink_agents.checks.output_summary import check_output_summary
from pytest_flink_agents.checks.outputs import ExpectedOutput, check_outputs
from pytest_flink_agents.checks.plan import NAME as PLAN
from pytest_flink_agents.checks.plan import check_plan
from pytest_flink_agents.checks.quality import does_right
from pytest_flink_agents.checks.replays import check_replays
from pytest_flink_agents.checks.timeline import check_timeline
from pytest_flink_agents.checks.upgrade import NAME as UPGRADE
from pytest_flink_agents.checks.upgrade import RESCALED, check_rescale, check_upgrade, without_candidate
from pytest_flink_agents.checks.usage import CALLS
from pytest_flink_agents.compare.sides import Comparison
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.failure_text import failure_text
from pytest_flink_agents.run.expectations import NO_PRICES, expected_summary, stated_checks
from pytest_flink_agents.run.replays import scrubbed_replays
from pytest_flink_agents.scenario.expectation.outputs import ExpectedOutputs
from pytest_flink_agents.scenario.expectations import ExpectedDelivery
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.matching.matchers import is_plain
from pytest_flink_agents.scenario.model import Scenario
from pytest_flink_agents.scenario.scrub import parse_scrub, scrubbed
from pytest_flink_agents.vocabulary import ModelPrice


def judged(
    loaded: LoadedScenario,
    evidence: Evidence,
    added: Mapping[str, CustomCheck] | None = None,
    prices: Mapping[str, ModelPrice] = NO_PRICES,
    without: Collection[str] = (),
    compared: Compared | None = None,
) -> tuple[CheckResult, ...]:
    """Return the results of all checks of a scenario, and of those that plugins have ``added``.

    ``prices`` are those of models by name. The checks named in ``without`` are judged elsewhere: they
    are left out here, and do not decide whether the run went wrong. ``compared`` is the run beside its baseline, None without
    one.
    """
    checks = dict(_checks(loaded, evidence, prices))
    if compared is not None:
        comparison = compared.comparison
        checks[COMPARE] = lambda: check_comparison(comparison)
    results = judge({name: check for name, check in checks.items() if name not in without})
    if added and not evidence.effects_unknown:
        lender = Lender(evidence)
        results += judge({name: partial(check_custom, name, check, lender.lend()) for name, check in added.items()})
    if results and does_right(results):
        # Only then: in a run that did something wrong, unused rules and missing actions are consequences. A job that is
        # only slow or talkative must have acted, since a policy may accept that.
        failed = {result.check for result in results if result.validity is not Validity.VALID}
        asked = compared.baseline if compared else None
        # A rule of the script may answer the baseline only.
        every_call = replace(evidence, model_calls=(*evidence.model_calls, *asked.model_calls)) if asked else evidence
        results += judge(_checks_of_a_right_run(loaded, every_call, failed))
    return without_candidate(results, evidence)


def explained(
    loaded: LoadedScenario,
    evidence: Evidence,
    results: Sequence[CheckResult],
    reproduce: str,
    redactor: Redactor,
    whole: str,
    comparison: Comparison | None = None,
) -> str:
    """Return the explanation of results that are not all valid.

    ``reproduce`` is the command that repeats the run, ``whole`` the file that holds what is cut, ``comparison`` the run
    beside its baseline.
    """
    findings = [finding for result in results if result.validity is not Validity.VALID for finding in result.findings]
    return failure_text(
        results,
        # The findings show what of the replays is not as expected; to mask all of them takes time.
        replace(evidence, replays=None),
        where=[lines_of(loaded, finding) for finding in findings],
        reproduce=reproduce,
        redactor=redactor,
        whole=whole,
        comparison=comparison,
    )


def _checks(
    loaded: LoadedScenario, evidence: Evidence, prices: Mapping[str, ModelPrice]
) -> Mapping[str, Callable[[], CheckResult]]:
    if evidence.effects_unknown:
        # Alone: a call that the dead ledger refused may be the reason of everything else that is wrong.
        return {LEDGER: lambda: check_ledger(evidence)}
    scenario = loaded.scenario
    shown_failure = scenario.expect.failure.model_dump(exclude_unset=True) if scenario.expect.failure else None
    checks: dict[str, Callable[[], CheckResult]] = {
        "model calls": lambda: check_model_calls(evidence),
        "failure": lambda: check_failure(loaded.failure, shown_failure, evidence),
        INPUTS: lambda: check_inputs_sent(evidence),
        "ended": lambda: check_ended(evidence, scenario.within),
        "timeline": lambda: check_timeline(evidence),
        LEDGER: lambda: check_ledger(evidence),
        "configuration": lambda: check_configuration(evidence),
    }
    checks[LOGS] = lambda: check_logs(scenario.expect.logs.allow if scenario.expect.logs else None, evidence)
    checks["network"] = lambda: check_network(
        scenario.name,
        limited=scenario.allowed_addresses() is not None,
        demanded=scenario.network is not None,
        evidence=evidence,
    )
    reading = evidence.plan
    if reading is not None:
        checks[PLAN] = lambda: check_plan(reading)
    # Before those of outputs: a job that began anew explains what is wrong with them.
    counted = scenario.expect.effects or {}
    if scenario.upgrade:
        removes = scenario.upgrade.removes
        checks[UPGRADE] = lambda: check_upgrade(removes, counted, evidence)
    if scenario.rescales:
        checks[RESCALED] = lambda: check_rescale(counted, evidence)
    delivery = scenario.expect.delivery
    if delivery:
        checks[DELIVERY] = lambda: _delivered(delivery, evidence)
    checks |= stated_checks(loaded, evidence, prices)
    if scenario.always_replay or evidence.replays is not None:
        path = ("always_replay",) if scenario.always_replay else ()
        checks["replay"] = lambda: check_replays(path, _scrubbed_with_replays(scenario, evidence))
    if isinstance(scenario.expect.outputs, ExpectedOutputs):
        summary = expected_summary(loaded, scenario.expect.outputs)
        checks["outputs"] = lambda: check_output_summary(summary, _scrubbed(scenario, evidence))
    if loaded.outputs is not None:
        checks["outputs"] = lambda: check_outputs(
            _expected_outputs(loaded), scenario.expect.order, _scrubbed(scenario, evidence)
        )
    return checks


def _delivered(stated: ExpectedDelivery, evidence: Evidence) -> CheckResult:
    outputs = [check_delivery(stated.outputs, stated.per_input, evidence)] if stated.outputs else []
    return together(DELIVERY, [*outputs, *([check_action_delivery(evidence)] if stated.actions else [])])


def _checks_of_a_right_run(
    loaded: LoadedScenario, evidence: Evidence, failed: Collection[str]
) -> Mapping[str, Callable[[], CheckResult]]:
    scenario = loaded.scenario
    checks: dict[str, Callable[[], CheckResult]] = {}
    if scenario.expect.outputs == () and evidence.failure is None:
        checks["actions"] = lambda: check_acted(evidence)
    # With another number of calls than stated, unused rules are a consequence.
    if scenario.llm is not None and CALLS not in failed and not (evidence.models and evidence.models.is_real):
        rules = evidence.models.exchanges if evidence.models else len(scenario.llm.script or ())
        expected = scenario.expect.llm
        allowed = (expected.unused_rules or 0) if expected else 0
        checks["unused rules"] = lambda: check_script_used(rules, allowed, evidence)
    return checks


def _scrubbed(scenario: Scenario, evidence: Evidence) -> Evidence:
    """Return the evidence with outputs as they are compared."""
    paths = [parse_scrub(text) for text in scenario.scrub]
    if not paths:
        return evidence
    outputs = tuple(replace(output, value=scrubbed(output.value, paths)) for output in evidence.outputs)
    return replace(evidence, outputs=outputs)


def _scrubbed_with_replays(scenario: Scenario, evidence: Evidence) -> Evidence:
    """Return the evidence with outputs and replays as they are compared.

    There may be a thousand replays, each with the whole run of its input: only their check copies them.
    """
    paths = [parse_scrub(text) for text in scenario.scrub]
    replays = evidence.replays and scrubbed_replays(evidence.replays, paths)
    return replace(_scrubbed(scenario, evidence), replays=replays if paths else evidence.replays)


def _expected_outputs(loaded: LoadedScenario) -> Sequence[ExpectedOutput]:
    written = loaded.scenario.expect.outputs
    listed = written if isinstance(written, tuple) else ()
    return [
        ExpectedOutput(index, matchers.value, output.value, output.key, None if is_plain(output.key) else matchers.key)
        for index, (output, matchers) in enumerate(zip(listed, loaded.outputs or (), strict=True))
    ]


def lines_of(loaded: LoadedScenario, finding: Finding) -> tuple[str, list[tuple[int, str]]]:
    """Return ``file:line`` and the source lines that a finding is about."""
    path = finding.path
    # An unexpected output is about the whole list; its first line is enough to find it.
    lines = loaded.document.lines(path) if path else []
    return loaded.document.place(path), lines if len(path) != 2 else lines[:1]
