"""Tricks with expectations: those that cannot fail, and failures that stand for others.

- An expectation that every run meets is refused when its file is loaded. `any_value` for a whole
  output is not such a trick: the number of outputs still counts.
- An expected failure is the one that it names, in `expect` and in `expect_fail`; another one blocks.
- `expect_fail` without a named failure, or for more than 90 days, is refused when it is loaded.
"""

from __future__ import annotations

import datetime

from tests.false_promote.promote_reasons import GATE, assert_reasons
from tests.plugin.plugin_project import Project, scenario

TEXT = 'version: "1"\nname: x\nagent: shop:Echo\ninputs: [{key: a, value: hi}]\nexpect: '
KINDS = "[{any_string: true}, {any_number: true}, {any_bool: true}, {length: {min: 1}}, {length: 0}, null]"
# The end of an `expect` that every run meets: the text of its refusal.
VACUOUS = {
    "{outputs: [{key: a, value: {not: {contians: hi}}}]}": 'FA209: "contians" is not a matcher word',
    "{outputs: [{key: a, value: {not: {not: hi}}}]}": "FA209: a negation of a negation",
    f"{{outputs: [{{key: a, value: {{one_of: {KINDS}}}}}]}}": "FA209: a matcher that cannot fail: one_of",
    "{outputs: [{key: a, value: {each: {any_value: true}}}]}": "FA209: a matcher that cannot fail: each",
    "{outputs: [{key: a, value: {approx: {value: 1, abs: .inf}}}]}": "FA201: .inf is not a number",
    "{outputs: [{key: a, value: {approx: {value: 1, abs: 1.0e+300}}}]}": "FA209: a tolerance that accepts every",
    "{outputs: [{key: a, value: {length: {min: 0}}}]}": "FA209: a matcher that cannot fail: length",
    "{outputs: [{key: a, value: {regex: '.*'}}]}": "FA209: a matcher that cannot fail: regex",
    "{failure: {contains: e}}": "FA209: a text that every failure contains",
    "{failure: {contains: Traceback}}": "FA209: a text that every failure contains",
    "{outputs: [], logs: {allow: ['.*']}}": "FA209: a pattern that allows every ERROR line",
    "{}": "FA204: a key is missing in expect",
}


def expect_fail(until: datetime.date, more: str) -> str:
    return f'expect_fail: {{reason: "ticket 7", until: "{until}"{more}}}\n'


def test_an_expectation_that_cannot_fail_is_refused_when_it_is_loaded(project: Project) -> None:
    today = datetime.datetime.now(datetime.timezone.utc).date()
    for number, expect in enumerate(VACUOUS):
        project.scenarios(f"vacuous-{number:02}", f"{TEXT}{expect}\n")
    project.scenarios(
        "far", scenario("far", more=expect_fail(today + datetime.timedelta(days=400), ", check: outputs"))
    )
    project.scenarios("any", scenario("any", more=expect_fail(today, "")))
    result = project.run(GATE)
    assert result.ret == 2
    refused = [
        f"could not run: vacuous-{number:02}.scenario.yaml: ...{text}" for number, text in enumerate(VACUOUS.values())
    ]
    others = [
        "could not run: far.scenario.yaml: ...expect_fail.until",
        "could not run: any.scenario.yaml: ...expect_fail",
    ]
    broken = "session: pytest ended with exit code 2"
    assert_reasons(project, [*refused, *others, broken, "coverage: no scenario ran"])


def test_an_expected_failure_is_the_one_that_it_names(project: Project) -> None:
    # Midnight may pass before the session reads it.
    until = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=1)
    named = "expect: {failure: {contains: the shop is closed}}\n"
    head = 'version: "1"\nname: {}\nagent: shop:Refuses\ninputs: [{{key: a, value: hi}}]\n'
    waived = expect_fail(until, ", failure: {contains: the shop is closed}")
    project.scenarios(
        "x",
        head.format("another failure") + named,
        head.format("outputs of a job that fails")
        + "expect: {outputs: [{key: a, value: hi}], failure: {contains: the card was refused}}\n",
        scenario("another failure than the waived one", agent="shop:Refuses", more=waived),
        scenario("a wrong output under a waived failure", said="bye", more=waived),
        scenario("no agent under a waived failure", agent="shop:Ecko", more=waived),
        scenario("any output", more="")
        .replace("value: {said: hi}", "value: {any_value: true}")
        .replace("Echo", "Mute"),
    )
    project.write("shop.py", (project.path / "shop.py").read_text(encoding="utf-8") + "\n\nclass Mute(Agent): ...\n")
    result = project.run(GATE)
    assert result.ret == 1
    failed = "scenarios: x.scenario.yaml::"
    assert_reasons(
        project,
        [
            f"{failed}another failure[...the job failed with another failure than the expected one",
            f"{failed}outputs of a job that fails[",
            f"{failed}another failure than the waived one[...failed in another way than announced",
            f"{failed}a wrong output under a waived failure[...failed in another way than announced",
            f"{failed}no agent under a waived failure[...failed in another way than announced",
            f"{failed}any output[",
        ],
    )
