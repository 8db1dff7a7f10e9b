"""The policy file: strict, all mistakes at once, with place, nearest word and next step."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flink_testbed.core import clock
from pytest_flink_agents.codes.policy import CODES
from pytest_flink_agents.gate import Screening
from pytest_flink_agents.policy.example import EXAMPLE
from pytest_flink_agents.policy.load import PolicyError, load_policy
from pytest_flink_agents.policy.schema import policy_schema
from pytest_flink_agents.scenario.expectations import ExpectFail
from pytest_flink_agents.settings import POLICY_FILE
from pytest_flink_agents.vocabulary import Engine, Tier
from tools.reference.policy import WORDS

SOUND = 'version: "1"\ndefault: release\nprofiles:\n  release:\n    description: for a test\n'
SOON = (clock.today() + datetime.timedelta(days=30)).isoformat()
WAIVER = f'{{scenario: s.scenario.yaml::a, check: outputs, reason: r, owner: o, until: "{SOON}"}}'
Problems = Callable[[str], list[str]]


@pytest.fixture
def problems(tmp_path: Path) -> Problems:
    def found(text: str) -> list[str]:
        path = tmp_path / POLICY_FILE
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PolicyError) as error:
            load_policy(path, tmp_path)
        return [problem.render() for problem in error.value.problems]

    return found


MISTAKES = {
    "    require: {tiers: [embeded]}\n": (
        "6:23: FA303: wrong value for profiles.release.require.tiers[0]\n"
        '  expected: "local", "embedded", "container" or "remote"\n'
        '  seen:     the string "embeded"\n'
        '  next:     did you mean "embedded"?'
    ),
    "    requires: {tiers: [embedded]}\n": (
        '6:5: FA302: unknown key "requires" in profiles.release\n'
        "  expected: one of description, require, production_engine, other_engine_may_promote, real_models_may_promote, "
        "limits, baseline, screening, checks, waivers\n"
        '  seen:     "requires"\n'
        '  next:     did you mean "require"?'
    ),
    "    tiers: [embedded]\n": (
        '6:5: FA302: unknown key "tiers" in profiles.release\n'
        "  expected: one of description, require, production_engine, other_engine_may_promote, real_models_may_promote, "
        "limits, baseline, screening, checks, waivers\n"
        '  seen:     "tiers"\n'
        "  next:     it belongs in profiles.*.require"
    ),
    "    require: {flink: [1.20]}\n": (
        "6:23: FA303: a version must be quoted\n"
        "  expected: a version in quotes\n"
        "  seen:     1.20\n"
        "  next:     quote it: unquoted, 1.20 is the number 1.2"
    ),
    "    require: {scenarios: 0}\n": (
        "6:26: FA303: wrong value for profiles.release.require.scenarios\n"
        "  expected: a number of at least 1\n"
        "  seen:     0"
    ),
    "    checks: {outputs: warn}\n": (
        "6:14: FA303: wrong value for profiles.release.checks.outputs\n"
        '  expected: "llm", "tokens", "cost", "latency", "metrics", "checkpoints", "restarts", "recovery", "throughput", '
        '"logs" or "unused rules"\n'
        '  seen:     the string "outputs"'
    ),
    "    limits: [{tags: [slo]}]\n": (
        "6:14: FA304: a key is missing in profiles.release.limits[0]\n"
        "  expected: latency_p95, tokens, cost, recovery or duration\n"
        "  seen:     a mapping of tags"
    ),
    "    baseline: [{tags: [slo]}]\n": (
        "6:16: FA304: a key is missing in profiles.release.baseline[0]\n"
        "  expected: latency_p95, tokens, cost, recovery or duration\n"
        "  seen:     a mapping of tags"
    ),
    "    baseline: [{latency_p95: 20}]\n": (
        "6:30: FA303: wrong value for profiles.release.baseline[0].latency_p95\n"
        "  expected: a percentage or an amount, like 20% or 500ms\n"
        "  seen:     20"
    ),
    "    baseline: [{tokens: -5%}]\n": (
        "6:25: FA303: wrong value for profiles.release.baseline[0].tokens\n"
        "  expected: a percentage or an amount, like 20% or 100\n"
        '  seen:     the string "-5%"'
    ),
    "    screening: {runs: 1}\n": (
        "6:23: FA303: wrong value for profiles.release.screening.runs\n"
        "  expected: a number of at least 2\n"
        "  seen:     1"
    ),
    "    screening: {unstable_may_promote: true}\n": (
        '6:16: FA304: missing key "runs" in profiles.release.screening\n'
        "  expected: runs: number of runs that must have passed one after the other, in earlier sessions or by `repeat`"
    ),
    '    limits: [{tokens: "9"}]\n': (
        '6:23: FA303: wrong value for profiles.release.limits[0].tokens\n  expected: a number\n  seen:     the string "9"'
    ),
    "    other_engine_may_promote: true\n": (
        "5:5: FA304: a key is missing in profiles.release\n"
        "  expected: production_engine beside other_engine_may_promote\n"
        "  seen:     a mapping of description, other_engine_may_promote\n"
        "  next:     name the engine of production, or remove the word"
    ),
    f"    waivers: [{WAIVER.replace('owner: o, ', '')}]\n": (
        '6:15: FA304: missing key "owner" in profiles.release.waivers[0]\n  expected: owner: who removes the cause'
    ),
    f"    waivers: [{WAIVER.replace('check: outputs, ', '')}]\n": (
        "6:15: FA304: a key is missing in profiles.release.waivers[0]\n"
        "  expected: failure or check\n"
        "  seen:     a mapping of scenario, reason, owner, until\n"
        "  next:     name the failure: {contains: TEXT}, the check that fails, or both"
    ),
    f"    waivers: [{WAIVER.replace('s.scenario.yaml::a', 'refund')}]\n": (
        "6:26: FA303: wrong value for profiles.release.waivers[0].scenario\n"
        "  expected: one scenario, like scenarios/refund.scenario.yaml::refund is refused twice\n"
        '  seen:     the string "refund"\n'
        "  next:     write its file relative to the project, two colons and its name"
    ),
    f"    waivers: [{WAIVER.replace('check: outputs', 'failure: {contains: e}')}]\n": (
        "6:55: FA306: a text that every failure contains: profiles.release.waivers[0].failure\n"
        "  expected: a part of this failure's message\n"
        '  seen:     something that contains "e"\n'
        "  next:     name what only this failure says, such as its message"
    ),
    "    require: &all {tiers: [local]}\n": (
        "6:14: FA301: the anchor &all is not allowed\n  next:     write the value out where it is used"
    ),
    "  default: {}\n": (
        "6:3: FA303: the profile default exists already\n"
        "  expected: a name of its own\n"
        '  seen:     the string "default"\n'
        "  next:     choose another name: default is the profile of sessions without a policy file"
    ),
}


@pytest.mark.parametrize("added", MISTAKES)
def test_a_mistake_has_code_place_expectation_and_next_step(added: str, problems: Problems) -> None:
    assert problems(SOUND + added) == [f"{POLICY_FILE}:{MISTAKES[added]}"]


def test_all_mistakes_are_reported_at_once_in_the_order_of_lines(problems: Problems) -> None:
    found = problems(
        SOUND.replace("default: release", "defalt: release") + "    require: {tier: [local], repeats: yes}\n"
    )
    assert [text.partition(": ")[0] for text in found] == [f"{POLICY_FILE}:{at}" for at in ("2:1", "6:15", "6:39")]


def test_a_default_that_is_no_profile_names_the_nearest(problems: Problems) -> None:
    (text,) = problems(SOUND.replace("default: release", "default: relase"))
    assert text.startswith(f"{POLICY_FILE}:2:10: FA305: there is no profile 'relase'")
    assert text.endswith('did you mean "release"?')


@pytest.mark.parametrize("text", ["", "a: 1\n---\nb: 1\n", "- a\n", "version: [\n"])
def test_a_file_that_is_not_one_mapping_is_refused(text: str, problems: Problems) -> None:
    assert problems(text)[0].split(": ")[1] in ("FA301", "FA303")


def test_a_waiver_ends_at_most_90_days_ahead_and_may_be_over(problems: Problems, tmp_path: Path) -> None:
    far = (clock.today() + datetime.timedelta(days=92)).isoformat()
    (text,) = problems(f"{SOUND}    waivers: [{WAIVER.replace(SOON, far)}]\n")
    assert "FA303" in text
    assert "at most 90 days ahead" in text
    over = tmp_path / "over.yaml"
    over.write_text(f"{SOUND}    waivers: [{WAIVER.replace(SOON, '2020-01-01')}]\n", encoding="utf-8")
    (known,) = load_policy(over, tmp_path).rules("release").known_failures
    assert (known.until, known.owner, known.place) == (datetime.date(2020, 1, 1), "o", "over.yaml:6")


def test_a_file_that_cannot_be_read_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing.yaml", "pipe", "."):
        with pytest.raises(PolicyError, match="FA307: the policy file cannot be read"):
            load_policy(tmp_path / name, tmp_path)


def test_a_profile_becomes_rules_of_the_gate() -> None:
    rules = load_policy(WORDS, WORDS.parent).rules("staging")
    assert (rules.tiers, rules.engines) == ((Tier.LOCAL, Tier.EMBEDDED), (Engine.UPSTREAM,))
    assert [text for text, versions in rules.flink if "2.2.1" in versions and "2.3.0" not in versions] == ["2.2"]
    assert [(limit.rule, limit.maximum, limit.tags) for limit in rules.limits] == [
        ("limits[0].latency_p95", 2000.0, ("slo",)),
        ("limits[0].tokens", 20000, ("slo",)),
        ("limits[0].cost", 0.25, ("slo",)),
        ("limits[0].recovery", 30.0, ("slo",)),
        ("limits[0].duration", 60.0, ("slo",)),
    ]
    assert [(each.rule, each.share, each.amount, each.tags) for each in rules.increases] == [
        ("baseline[0].latency_p95", 0.2, None, ("slo",)),
        ("baseline[0].tokens", 0.1, None, ("slo",)),
        ("baseline[0].cost", None, 0.05, ("slo",)),
        ("baseline[0].recovery", None, 5.0, ("slo",)),
        ("baseline[0].duration", 0.5, None, ("slo",)),
        ("baseline[1].latency_p95", None, 500.0, ()),
    ]
    assert rules.screening == Screening(10, may_promote=True)
    assert (rules.scenarios, rules.repeats, rules.severities) == (3, 2, {"logs": "warn"})
    assert [(known.failure.check, known.failure.failure is None) for known in rules.known_failures] == [
        ("outputs", False),
        (None, False),
    ]


def test_the_shipped_example_has_the_three_stages(tmp_path: Path) -> None:
    policy = load_policy(EXAMPLE, EXAMPLE.parent)
    assert list(policy.content.profiles) == ["development", "staging", "production"]
    assert policy.profile("") == "development"
    assert policy.rules("development").tiers == (Tier.LOCAL,)
    assert policy.rules("production").production is Engine.UPSTREAM
    # What it shows in comments is valid, too.
    shown = tmp_path / "shown.yaml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("    #   ", "    ").replace("2027-01-31", SOON)
    shown.write_text(text, encoding="utf-8")
    rules = load_policy(shown, tmp_path).rules("production")
    assert (len(rules.limits), len(rules.increases), len(rules.known_failures)) == (3, 2, 1)


def test_a_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    file = tmp_path / POLICY_FILE
    file.write_text(SOUND, encoding="utf-8")
    before = load_policy(file, tmp_path).digest
    file.write_text(SOUND + "# \n", encoding="utf-8")
    assert load_policy(file, tmp_path).digest != before


def test_a_waiver_has_every_word_of_expect_fail() -> None:
    waiver = policy_schema()["$defs"]["KnownFailure"]
    assert set(waiver["properties"]) == {*ExpectFail.model_fields, "scenario"}
    assert set(waiver["required"]) == {"scenario", "reason", "owner", "until"}


def test_every_code_of_policies_is_met_by_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [code for code in CODES if code not in source] == []
