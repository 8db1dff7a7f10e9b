"""A policy file, loaded with all its mistakes at once.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from flink_testbed.core.problem import Problem, ProblemError, nearest
from pytest_flink_agents.checks.waiver import Waiver
from pytest_flink_agents.gate import UNITS, Increase, KnownFailure, Limit, Policy, Rules, Screening
from pytest_flink_agents.policy.model import Increases, Limits, PolicyFile, Profile
from pytest_flink_agents.scenario.boundary.places import open_regular, shown
from pytest_flink_agents.scenario.compile import failure_matcher
from pytest_flink_agents.scenario.document import Document, parse
from pytest_flink_agents.scenario.error import DocumentPath, Mistake
from pytest_flink_agents.scenario.matching.matcher import Matcher
from pytest_flink_agents.scenario.reader import FILE_BYTES
from pytest_flink_agents.scenario.validation import read_mapping
from pytest_flink_agents.scenario.words import flink_versions
from pytest_flink_agents.vocabulary import Engine, Tier

# The codes of the scenario language's mistakes, in a policy.
_CODES = {"FA201": "FA301", "FA202": "FA302", "FA203": "FA303", "FA204": "FA304", "FA209": "FA306", "FA211": "FA301"}
_OTHER_CODE = "FA303"
# Durations are seconds in the language, and milliseconds in this figure.
_SCALE = {"latency_p95": 1000}


class PolicyError(ProblemError):
    """A policy file is invalid, or lacks the profile; nothing was started."""


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A valid policy file: ``name`` is its path for messages, ``digest`` that of its bytes.

    ``failures`` are the matchers of waivers by their place.
    """

    name: str
    digest: str
    content: PolicyFile
    document: Document
    failures: dict[DocumentPath, Matcher]

    def profile(self, named: str) -> str:
        """Return the profile that was ``named``, or else the file's default.

        Raises :class:`PolicyError` FA305 if it does not exist.
        """
        if named and named not in self.content.profiles:
            raise PolicyError(_no_profile(named, self.content, f"{self.name}:1:1"))
        return named or self.content.default

    def rules(self, name: str) -> Rules:
        """Return the rules of a profile."""
        profile = self.content.profiles[name]
        require, tiers = profile.require, profile.require.tiers
        return Rules(
            tiers=None if tiers is None else tuple(map(Tier, tiers)),
            engines=tuple(map(Engine, require.engines)),
            flink=tuple((text, _versions(text)) for text in require.flink),
            tags=require.tags,
            requirements=require.requirements,
            scenarios=require.scenarios or 0,
            repeats=require.repeats or 0,
            production=Engine(profile.production_engine) if profile.production_engine else None,
            other_engine=profile.other_engine_may_promote,
            real_models=profile.real_models_may_promote,
            limits=tuple(limit for index, one in enumerate(profile.limits) for limit in _limits(index, one)),
            increases=tuple(each for index, one in enumerate(profile.baseline) for each in _increases(index, one)),
            screening=_screening(profile),
            severities={str(check): severity for check, severity in profile.checks.items()},
            known_failures=tuple(self._known_failures(name, profile)),
        )

    def _known_failures(self, name: str, profile: Profile) -> list[KnownFailure]:
        found = []
        for index, one in enumerate(profile.waivers):
            path = ("profiles", name, "waivers", index)
            waiver = Waiver(one.check, self.failures.get(path))
            until = datetime.date.fromisoformat(one.until)
            place = self.document.place(path)
            found.append(KnownFailure(one.scenario, waiver, one.reason, one.owner, until, place))
        return found


def load_policy(path: Path, root: Path) -> LoadedPolicy:
    """Return the policy of a file. ``root`` is the project's, to which names in messages are relative.

    Raises :class:`PolicyError` with all problems of the file.
    """
    name = shown(path.resolve(), root.resolve())
    data = _read(path, name)
    documents, problems = parse(data, name)
    if problems or len(documents) != 1:
        seen = f"{len(documents)} documents"
        one = Problem("FA301", "not one policy", f"{name}:1:1", "one YAML document", seen)
        raise PolicyError(*(map(_of_policy, problems) if problems else [one]))
    (document,) = documents
    content, mistakes = read_mapping(PolicyFile, document, document.value)
    failures: dict[DocumentPath, Matcher] = {}
    if content is not None:
        failures, mistakes = _failures(content)
        if content.default not in content.profiles:
            mark = document.mark(("default",))
            raise PolicyError(_no_profile(content.default, content, f"{name}:{mark.line}:{mark.column}"))
    if content is None or mistakes:
        found = [_of_policy(document.problem(mistake)) for mistake in mistakes]
        raise PolicyError(*sorted(found, key=_line))
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return LoadedPolicy(name, digest, content, document, failures)


def under_policy(file: Path, root: Path, session: Policy) -> Policy:
    """Return the conditions of a session under a policy file; an empty profile is the file's default.

    Raises :class:`PolicyError`.
    """
    loaded = load_policy(file, root)
    profile = loaded.profile(session.profile)
    return dataclasses.replace(
        session, profile=profile, file=loaded.name, digest=loaded.digest, rules=loaded.rules(profile)
    )


def _read(path: Path, name: str) -> bytes:
    try:
        with open_regular(path) as stream:
            return stream.read(FILE_BYTES + 1)
    except OSError as error:
        seen = error.strerror or "another kind of file"
        message = "the policy file cannot be read"
        raise PolicyError(Problem("FA307", message, name, "a regular file", seen, "correct the path")) from None


def _failures(content: PolicyFile) -> tuple[dict[DocumentPath, Matcher], list[Mistake]]:
    """Return the matcher of each waiver's failure by the waiver's place, and the mistakes in them."""
    found: dict[DocumentPath, Matcher] = {}
    mistakes: list[Mistake] = []
    for name, profile in content.profiles.items():
        for index, one in enumerate(profile.waivers):
            path: DocumentPath = ("profiles", name, "waivers", index)
            matcher = failure_matcher(one.failure, (*path, "failure"), mistakes)
            if matcher is not None:
                found[path] = matcher
    return found, mistakes


def _limits(index: int, limits: Limits) -> list[Limit]:
    stated = ((word, getattr(limits, word)) for word in UNITS)
    return [
        Limit(f"limits[{index}].{word}", word, maximum * _SCALE.get(word, 1), limits.tags or ())
        for word, maximum in stated
        if maximum is not None
    ]


def _screening(profile: Profile) -> Screening | None:
    words = profile.screening
    return Screening(words.runs, words.unstable_may_promote) if words else None


def _increases(index: int, increases: Increases) -> list[Increase]:
    stated = ((word, getattr(increases, word)) for word in UNITS)
    return [
        Increase(
            f"baseline[{index}].{word}",
            word,
            growth.share,
            None if growth.amount is None else growth.amount * _SCALE.get(word, 1),
            increases.tags or (),
        )
        for word, growth in stated
        if growth is not None
    ]


def _versions(text: str) -> SpecifierSet:
    return flink_versions(text)


def _no_profile(named: str, content: PolicyFile, where: str) -> Problem:
    near = nearest(named, content.profiles)
    known = ", ".join(content.profiles)
    next_step = f'did you mean "{near}"?' if near else "name one of them, or add the profile"
    return Problem("FA305", f"there is no profile {named!r}", where, known, named, next_step)


def _of_policy(problem: Problem) -> Problem:
    """Return a problem of the scenario language as one of the policy language, which shares its reader."""
    message = problem.message.replace("scenario file", "policy file")
    return dataclasses.replace(problem, code=_CODES.get(problem.code, _OTHER_CODE), message=message)


def _line(problem: Problem) -> tuple[int, int]:
    _, line, column = problem.where.rsplit(":", 2)
    return int(line), int(column)
