"""The team's own job of a scenario, with its file, its arguments and the number of its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_flink_agents.provision.checkout import Checkout
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AllowedNetwork, JobSubject
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError
from pytest_flink_agents.scenario.expectation.outputs import ExpectedOutputs
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.placeholders import CONNECTOR, substitute
from pytest_flink_agents.scenario.subjects import PythonJob

_COMMIT: DocumentPath = ("upgrade", "from", "git")


def job_subject(
    loaded: LoadedScenario,
    channel: Channel,
    place: Place,
    values: Mapping[str, str],
    network: AllowedNetwork | None,
    checkout: Checkout | None,
) -> JobSubject:
    """Return the job with its placeholders filled in: ``values``, and those of the channel.

    With a ``checkout`` its file is that of the commit. Raises ``ScenarioError`` FA206 for a file that is not there.
    """
    job = loaded.scenario.job
    assert job is not None
    values = {**values, **channel.values}
    if CONNECTOR in values:
        # That of this version's Flink; the channel has the one of the scenario's own version.
        values[CONNECTOR] = str(place.environment.connector)
    return JobSubject(
        file=_file(loaded, job.python if isinstance(job, PythonJob) else job.jar, checkout),
        args=tuple(substitute(list(job.args), values)),
        main_class="" if isinstance(job, PythonJob) else job.main_class or "",
        # For programs that read their settings from there: SCENARIO_LLM_OPENAI_URL is
        # ${llm.openai_url}.
        environment={
            **{f"SCENARIO_{name.replace('.', '_').upper()}": value for name, value in values.items()},
            **substitute(loaded.scenario.environment, values),
        },
        network=network,
        parallelism=place.setup.parallelism,
        expected_outputs=_expected_count(loaded, len(channel.inputs)),
    )


def _file(loaded: LoadedScenario, relative: str, checkout: Checkout | None) -> Path:
    if checkout is None:
        return loaded.path(relative)
    directory = checkout.root / loaded.file.parent.relative_to(loaded.root)
    try:
        return file_inside(directory, relative, checkout.root)
    except PlaceError as error:
        message = f"{error.message} at {checkout}"
        mistake = Mistake("FA206", _COMMIT, message, error.expected, error.seen, error.next_step)
        raise ScenarioError(loaded.document.problem(mistake)) from None


def _expected_count(loaded: LoadedScenario, inputs: int) -> int | None:
    """Return the number of expected outputs, None if it is not known."""
    expect = loaded.scenario.expect
    if isinstance(expect.outputs, tuple) and expect.outputs:
        return len(expect.outputs)
    if isinstance(expect.outputs, ExpectedOutputs) and isinstance(expect.outputs.count, int):
        return expect.outputs.count
    return inputs * expect.delivery.per_input if expect.delivery and expect.delivery.outputs else None
