"""One item from start to judgement: make ready, run on its tier, check the evidence, write it down."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.models.channel import Channel
from flink_testbed.models.script import Script, parse_script
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.job import check_ended, check_failure
from pytest_flink_agents.checks.judge import judge, overall
from pytest_flink_agents.checks.models import check_model_calls
from pytest_flink_agents.checks.outputs import ExpectedOutput, check_outputs
from pytest_flink_agents.report.failure_text import failure_text
from pytest_flink_agents.run.engine import BUNDLED
from pytest_flink_agents.run.evidence import Evidence, ModelCall
from pytest_flink_agents.run.job_run import JobRequest, inputs_file, outputs_directory, run_job
from pytest_flink_agents.run.scenario_run import RUNNERS, AgentRefusedError, RunRequest
from pytest_flink_agents.run.session import RunSession
from pytest_flink_agents.run.workplace import Workplace
from pytest_flink_agents.scenario.inputs import resolve_inputs
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.matchers import is_plain
from pytest_flink_agents.scenario.model import PythonJob
from pytest_flink_agents.scenario.placeholders import substitute


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
        session.let_models_be_reached(workplace, tier)
        values = _values(session, channel, directory)
        try:
            if loaded.scenario.job:
                evidence = run_job(_job_request(session, loaded, values, workplace, directory), workplace, tier)
            else:
                evidence = RUNNERS[tier](_request(session, loaded, values, workplace, directory, seed), workplace)
        except AgentRefusedError as error:
            judged = _refused(error, loaded, tier, workplace, reproduce)
            session.write_evidence(folder, judged.evidence, judged.results)
            return judged
    evidence = dataclasses.replace(evidence, model_calls=_model_calls(channel))
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


def _values(session: RunSession, channel: Channel, folder: Path) -> dict[str, str]:
    """What placeholders stand for in this run."""
    values = {
        "llm.ollama_url": channel.ollama_url,
        "llm.openai_url": channel.openai_url,
        "llm.anthropic_url": channel.anthropic_url,
        "input.path": str(inputs_file(folder)),
        "output.path": str(outputs_directory(folder)),
    }
    allowed = session.settings.allowed_env
    return values | {f"env.{name}": os.environ[name] for name in allowed if name in os.environ}


def _inputs(session: RunSession, loaded: LoadedScenario, workplace: Workplace) -> Sequence[Mapping[str, Any]]:
    settings = session.settings
    return resolve_inputs(loaded, [settings.root, *settings.python_path, workplace.environment.site_packages])


def _job_request(
    session: RunSession, loaded: LoadedScenario, values: Mapping[str, str], workplace: Workplace, folder: Path
) -> JobRequest:
    job = loaded.scenario.job
    assert job is not None
    return JobRequest(
        file=loaded.path(job.python if isinstance(job, PythonJob) else job.jar),
        args=tuple(substitute(list(job.args), values)),
        main_class="" if isinstance(job, PythonJob) else job.main_class or "",
        # For programs that read their settings from there: SCENARIO_LLM_OPENAI_URL is ${llm.openai_url}.
        environment={f"SCENARIO_{name.replace('.', '_').upper()}": value for name, value in values.items()},
        inputs=_inputs(session, loaded, workplace),
        within_s=loaded.scenario.within,
        directory=folder,
        parallelism=session.settings.parallelism,
    )


def _request(
    session: RunSession,
    loaded: LoadedScenario,
    values: Mapping[str, str],
    workplace: Workplace,
    folder: Path,
    seed: int | None,
) -> RunRequest:
    scenario, settings = loaded.scenario, session.settings
    return RunRequest(
        name=f"{scenario.name} ({folder.parent.name})"[:120],
        agent_spec={"agent": _agent(loaded), "resources": substitute(scenario.resources.sections(), values)},
        config=substitute(scenario.config, values),
        inputs=_inputs(session, loaded, workplace),
        within_s=scenario.within,
        directory=folder,
        parallelism=settings.parallelism,
        seed=seed,
    )


def _agent(loaded: LoadedScenario) -> Any:
    """The agent as the runtime takes it: a class reference as it is, a file by its full path."""
    agent = loaded.scenario.agent
    if agent is None or isinstance(agent, str):
        return agent
    fields = agent.model_dump()
    return {name: str(loaded.path(value)) if name in ("yaml", "plan") else value for name, value in fields.items()}


def _checks(loaded: LoadedScenario, evidence: Evidence) -> Mapping[str, Callable[[], CheckResult]]:
    scenario = loaded.scenario
    shown_failure = scenario.expect.failure.model_dump(exclude_unset=True) if scenario.expect.failure else None
    checks: dict[str, Callable[[], CheckResult]] = {
        "model calls": lambda: check_model_calls(evidence),
        "failure": lambda: check_failure(loaded.failure, shown_failure, evidence),
        "ended": lambda: check_ended(evidence, scenario.within),
    }
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
