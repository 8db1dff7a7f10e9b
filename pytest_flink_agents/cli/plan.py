"""``flink-agents-gate plan``: look at the plan of an agent, from its JSON file or from its code."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.problem import HostError, JobError, Problem
from flink_testbed.responder import RefusedError, Responder
from pytest_flink_agents.cli.lint.project import settings_in
from pytest_flink_agents.plan import canonical_plan, dialect_of, plan_digest
from pytest_flink_agents.plan.check import NOT_BY_ALL, REFUSED, plan_problems
from pytest_flink_agents.plan.describe import masked, plan_lines
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.vocabulary import counted

_READY_S, _PLAN_S = 60.0, 60.0
_BYTES = 16 * 1024 * 1024


def show_plan(reference: str, options: Sequence[str], *, as_json: bool) -> tuple[int, str]:
    """Return exit code 0 and the plan of ``module:Class`` or of a JSON file, in words or in canonical form.

    ``options`` are pytest's. Raises ``HostError`` or ``JobError`` if there is no plan.
    """
    plan = read_plan(reference, options)
    text = json.dumps(masked(canonical_plan(plan)), indent=2) if as_json else "\n".join(plan_lines(plan, reference))
    return 0, Redactor(os.environ).text(text)


def check_plan(reference: str, options: Sequence[str], *, as_json: bool) -> tuple[int, str]:
    """Return exit code 1 if a reader refuses or misreads the plan, and the problems.

    What only some readers refuse is shown, and does not change the exit code.
    """
    plan = read_plan(reference, options)
    problems = plan_problems(plan)
    failed = any(problem.code != NOT_BY_ALL for problem in problems)
    if as_json:
        dialect = dialect_of(plan)
        document = {
            "ok": not failed,
            "dialect": dialect and dialect.value,
            "digest": plan_digest(plan),
            "problems": [dataclasses.asdict(problem) for problem in problems],
        }
        return int(failed), Redactor(os.environ).text(json.dumps(document, indent=2))
    warnings = sum(problem.code == NOT_BY_ALL for problem in problems)
    summary = f"{reference}: {counted(len(problems) - warnings, 'error')}, {counted(warnings, 'warning')}"
    lines = [problem.render() for problem in problems]
    return int(failed), Redactor(os.environ).text("\n".join([*lines, summary]))


def read_plan(reference: str, options: Sequence[str]) -> Mapping[str, Any]:
    """Return the JSON object of a plan file, or of the plan that the job environment creates of ``module:Class``.

    Raises ``JobError`` FA230 for another file, FA220 for an agent that cannot be built.
    """
    if reference.endswith(".json") or Path(reference).is_file():
        return _from_file(Path(reference))
    text = _from_code(reference, options)
    return dict(json.loads(text))


def _from_file(path: Path) -> Mapping[str, Any]:
    expected = "a plan as JSON, as AgentPlan.model_dump_json() or Java's ObjectMapper writes it"
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_BYTES))
    except OSError as error:
        next_step = "name a JSON file, or an agent as module:Class"
        raise HostError(
            Problem("FA460", "the file cannot be read", str(path), seen=str(error.strerror), next_step=next_step)
        ) from None
    except (ValueError, RecursionError) as error:
        raise JobError(Problem(REFUSED, "the file is not JSON", str(path), expected, str(error))) from None
    if not isinstance(value, dict):
        raise JobError(Problem(REFUSED, "the JSON is not an agent plan", str(path), expected, type(value).__name__))
    return value


def _from_code(reference: str, options: Sequence[str]) -> str:
    settings = settings_in([Path()], options)
    release = resolve_flink(settings.flink_versions[0], settings.flink_agents)
    with tempfile.TemporaryDirectory() as directory:
        parts = JobParts(
            settings, release, settings.requirements, run_id="plan", directory=Path(directory), progress=_progress
        )
        reader = Responder(
            [str(parts.environment.python), "-m", "flink_agents_runtime.plan.reader"],
            name="plan reader",
            log=Path(directory, "plan-reader.log"),
            env=parts.job_environment_variables(),
            cwd=settings.root,
        )
        try:
            reader.wait_ready(_READY_S)
            reply = reader.request("plan", timeout_s=_PLAN_S, agent_spec={"agent": reference}, config={})
        except RefusedError as error:
            problem = Problem("FA220", error.message, "", error.expected, error.seen, error.next_step)
            raise JobError(problem) from None
        finally:
            reader.kill()
    return str(reply["plan"])


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
