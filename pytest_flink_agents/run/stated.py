"""The expectations of a Python test, in the words of a scenario's ``expect``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.judge import overall
from pytest_flink_agents.checks.logs import NAME as LOGS
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.run.judgement import explained, judged
from pytest_flink_agents.run.subject import AgentFailedError
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.compile import compile_document
from pytest_flink_agents.scenario.document import parse
from pytest_flink_agents.scenario.loaded import LoadedScenario
from pytest_flink_agents.scenario.matching.assertion import as_written
from pytest_flink_agents.vocabulary import ModelPrice, Tier

# Not loaded: a scenario names an agent, and that of a test may come from anywhere.
_ANY_AGENT = "flink_agents.api.agents.agent:Agent"
_FILE = "expect"
# Characters that JSON has unescaped in strings, and that YAML reads as the end of a line or refuses.
_OTHER_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

Delivery = Literal["exactly_once", "at_least_once"]


def read_expect(
    expect: Mapping[str, Any],
    *,
    tier: Tier,
    llm: Sequence[Mapping[str, Any]],
    effects: Sequence[Mapping[str, Any]],
    project: Project,
    always_replay: bool = False,
) -> LoadedScenario:
    """Return a scenario with these expectations, for the checks.

    ``always_replay`` is the demand of the test, not the default of an option. Raises ``ValueError`` with every mistake in them.
    """
    words = {
        "version": "1",
        "name": "the run of a Python test",
        "agent": _ANY_AGENT,
        "tiers": [tier.value],
        # The runner itself judges the connections.
        "network": "open",
        **({"always_replay": True} if always_replay else {}),
        **({"llm": {"mode": "scripted", "script": list(llm)}} if llm else {}),
        **({"effects": list(effects)} if effects else {}),
        "inputs": [{"key": "-", "value": None}],
        "expect": as_written(dict(expect)),
    }
    try:
        text = json.dumps(words, indent=2, ensure_ascii=False, allow_nan=False)
        data = _OTHER_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"expect: {error}") from None
    documents, problems = parse(data, _FILE)
    loaded = None
    for document in documents:
        loaded, mistakes = compile_document(document, project.real_root / _FILE, project)
        problems += map(document.problem, mistakes)
    if problems or loaded is None:
        raise ValueError("\n".join(_of_test(problem).render() for problem in problems))
    return loaded


def _of_test(problem: Problem) -> Problem:
    """Return a problem with a next step of a Python test: it has no inputs in files."""
    if problem.code != "FA211":
        return problem
    next_step = (
        "state outputs as {count, each, distinct}, or compare evidence.outputs with those that the test computes"
    )
    return replace(problem, next_step=next_step)


def delivery_of(given: Delivery | None, stated: LoadedScenario | None) -> Delivery | None:
    """Return the delivery of a run that is ``given`` or expected, None without one.

    Raises ``ValueError`` if both are there and differ: the sink would not be the one that is judged.
    """
    expected = stated.scenario.expect.delivery if stated else None
    outputs = expected.outputs if expected else None
    if given and outputs and given != outputs:
        raise ValueError(f"delivery: {given} beside expect.delivery.outputs: {outputs}: remove one of the two")
    return given or outputs


def require_stated(
    loaded: LoadedScenario,
    evidence: Evidence,
    prices: Mapping[str, ModelPrice],
    redactor: Redactor,
    *,
    whole: str,
    again: str,
) -> None:
    """Raise ``AgentFailedError`` if a run is not as stated, ``HostError`` if that is not known.

    Errors in the cluster's logs are judged at the end of the test, unless ``expect`` states them.
    ``whole`` is the file with the whole evidence, ``again`` the command that repeats the test.
    """
    elsewhere = [LOGS] if loaded.scenario.expect.logs is None else []
    results = judged(loaded, evidence, prices=prices, without=elsewhere)
    validity = overall(results)
    if validity is Validity.VALID:
        return
    text = explained(loaded, evidence, results, again, redactor, whole)
    if validity is Validity.INVALID:
        raise AgentFailedError(Problem("FA225", "the run is not as the test expects", detail=text), evidence)
    message = "the run of a Python test cannot be judged by what it expects"
    raise HostError(Problem("FA429", message, where=whole, detail=text))
