"""One item from start to judgement: make ready, run on its tier, check the evidence, write it down."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.models.channel import Channel
from flink_testbed.models.script import Script, parse_script
from pytest_flink_agents.checks.delivery import check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.job import check_ended, check_failure
from pytest_flink_agents.checks.judge import judge, overall
from pytest_flink_agents.checks.logs import check_logs
from pytest_flink_agents.checks.models import check_model_calls
from pytest_flink_agents.checks.outputs import ExpectedOutput, check_outputs
from pytest_flink_agents.evidence.model import Evidence, ModelCall
from pytest_flink_agents.provision.engine_choice import BUNDLED
from pytest_flink_agents.provision.environment import Workplace
from pytest_flink_agents.provision.services import RunSession
from pytest_flink_agents.report.failure_text import failure_text
from pytest_flink_agents.run.job_run import run_job
from pytest_flink_agents.run.log_watch import LogWatch
from pytest_flink_agents.run.requests import agent_request, job_request, needs_kafka, placeholder_values
from pytest_flink_agents.run.scenario_run import RUNNERS, AgentRefusedError
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.matchers import is_plain


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one item: the evidence, what the checks say of it, and the text for a failure."""

    evidence: Evidence
    results: tuple[CheckResult, ...]
    validity: Validity
    text: str

    @property
    def valid(self) -> bool:
        """Whether everything is as expected."""
        return self.validity is Validity.VALID

    @property
    def unknown(self) -> bool:
        """Whether nothing is proven wrong, and not everything right."""
        return self.validity is Validity.UNKNOWN

    @property
    def headline(self) -> str:
        """The first finding, on one line."""
        return next((finding.message.partition("\n")[0] for result in self.results for finding in result.findings), "")


def prepare(session: RunSession, loaded: LoadedScenario, tier: str, release: FlinkRelease) -> None:
    """Start what the item's tier needs. Raises ``HostError``: the machine could not, so nothing is known of the scenario."""
    workplace = _workplace(session, loaded, release)
    if tier == "local":
        workplace.worker()
    elif loaded.scenario.job:
        workplace.cluster(tier)
    else:
        workplace.submitter(tier)
    if needs_kafka(session.settings, loaded, tier):
        assert workplace.connector
        assert session.kafka


def run_and_judge(
    session: RunSession,
    loaded: LoadedScenario,
    tier: str,
    release: FlinkRelease,
    *,
    folder: Path,
    reproduce: Callable[[int | None], str],
) -> Judged:
    """Run the scenario, check what it left, and write the evidence to ``folder`` (created).

    With many runs the first one that is not as expected counts, else the last; files of the others are not kept.
    ``reproduce`` makes the command that runs it again with a seed.
    """
    *others, last = session.settings.seeds(tier)
    for number, seed in enumerate(others, start=1):
        directory = folder / f"seed-{seed}"
        judged = _run_once(session, loaded, tier, release, folder, directory, seed, reproduce(seed))
        if not judged.valid:
            passed = f" ({number - 1} runs with other seeds passed)" if number > 1 else ""
            return dataclasses.replace(judged, text=f"{judged.text}\nwith seed {seed}{passed}")
        shutil.rmtree(directory)
    return _run_once(session, loaded, tier, release, folder, folder, last, reproduce(last))


def _run_once(
    session: RunSession,
    loaded: LoadedScenario,
    tier: str,
    release: FlinkRelease,
    folder: Path,
    directory: Path,
    seed: int | None,
    reproduce: str,
) -> Judged:
    """One run; its files go to ``directory``, its evidence to ``folder``."""
    workplace = _workplace(session, loaded, release)
    scenario = loaded.scenario
    directory.mkdir(parents=True, exist_ok=True)
    channel = session.models.channel(parse_script(scenario.llm.rules()) if scenario.llm else Script(()))
    with channel:
        session.let_services_be_reached(workplace, tier)
        values = placeholder_values(session.settings, channel)
        logs = LogWatch(workplace.cluster(tier)) if tier != "local" else None
        try:
            if loaded.scenario.job:
                evidence = run_job(job_request(session, loaded, tier, values, workplace, directory), workplace, tier)
            else:
                request = agent_request(session, loaded, tier, values, workplace, directory, seed)
                evidence = RUNNERS[tier](request, workplace)
        except AgentRefusedError as error:
            judged = _refused(error, loaded, tier, workplace, reproduce)
            session.write_evidence(folder, judged.evidence, judged.results)
            return judged
    evidence = dataclasses.replace(
        evidence,
        model_calls=_model_calls(channel),
        log_errors=logs.collect(directory / "logs", evidence.job_id) if logs else None,
    )
    results = judge(_checks(loaded, evidence))
    validity = overall(results)
    text = ""
    if validity is not Validity.VALID:
        findings = [
            finding for result in results if result.validity is not Validity.VALID for finding in result.findings
        ]
        text = failure_text(
            results,
            evidence,
            where=[_where(loaded, finding) for finding in findings],
            reproduce=reproduce,
            redactor=session.redactor,
        )
    session.write_evidence(folder, evidence, results)
    return Judged(evidence, results, validity, text)


def _workplace(session: RunSession, loaded: LoadedScenario, release: FlinkRelease) -> Workplace:
    wanted = loaded.scenario.requirements
    if wanted is None:
        return session.workplace(release)
    if isinstance(wanted, str):
        lines = loaded.path(wanted).read_text(encoding="utf-8").splitlines()
        wanted = tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))
    return session.workplace(release, tuple(wanted))


def _checks(loaded: LoadedScenario, evidence: Evidence) -> Mapping[str, Callable[[], CheckResult]]:
    scenario = loaded.scenario
    shown_failure = scenario.expect.failure.model_dump(exclude_unset=True) if scenario.expect.failure else None
    checks: dict[str, Callable[[], CheckResult]] = {
        "model calls": lambda: check_model_calls(evidence),
        "failure": lambda: check_failure(loaded.failure, shown_failure, evidence),
        "ended": lambda: check_ended(evidence, scenario.within),
    }
    if evidence.tier != "local":
        checks["logs"] = lambda: check_logs(scenario.expect.logs.allow if scenario.expect.logs else None, evidence)
    delivery = scenario.expect.delivery
    if delivery:
        checks["delivery"] = lambda: check_delivery(delivery.outputs, delivery.per_input, evidence)
    if loaded.outputs is not None:
        checks["outputs"] = lambda: check_outputs(_expected_outputs(loaded), scenario.expect.order, evidence)
    return checks


def _expected_outputs(loaded: LoadedScenario) -> Sequence[ExpectedOutput]:
    written = loaded.scenario.expect.outputs or ()
    return [
        ExpectedOutput(index, matchers.value, output.value, output.key, None if is_plain(output.key) else matchers.key)
        for index, (output, matchers) in enumerate(zip(written, loaded.outputs or (), strict=True))
    ]


def _model_calls(channel: Channel) -> tuple[ModelCall, ...]:
    return tuple(
        ModelCall(call.wire, call.model, call.messages, call.rule, call.reply, call.nearest) for call in channel.calls
    )


def _where(loaded: LoadedScenario, finding: Finding) -> tuple[str, list[tuple[int, str]]]:
    """``file:line`` of the words that a finding is about, and those lines."""
    path = finding.path
    # An unexpected output is about the whole list; its first line is enough to find it.
    lines = loaded.document.lines(path) if path else []
    return f"{loaded.document.file}:{loaded.document.mark(path, key=True).line}", lines if len(path) != 2 else lines[:1]


def _refused(
    error: AgentRefusedError, loaded: LoadedScenario, tier: str, workplace: Workplace, reproduce: str
) -> Judged:
    """The agent cannot be built: the scenario's own ``agent`` line is what failed."""
    place, lines = _where(loaded, Finding("", ("agent",)))
    source = [f"  > {number:4} | {line}" for number, line in lines]
    text = "\n".join([f"{place}: {error.problem.render()}", *source, "", f"again: {reproduce}"])
    finding = Finding(error.problem.message, ("agent",), error.problem.expected, error.problem.seen)
    engine = BUNDLED if tier == "local" else workplace.engine.name
    evidence = Evidence(tier=tier, flink_version=workplace.release.version, engine=engine, job_state="not built")
    return Judged(evidence, (CheckResult("agent", Validity.INVALID, (finding,)),), Validity.INVALID, text)
