"""The messages for mistakes in a scenario."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.codes.scenario import CODES

Problems: TypeAlias = Callable[[str], list[Problem]]

# What is added to the sound scenario, and the whole of what is said about it.
ADDED = [
    (
        "imputs: []\n",
        'x.scenario.yaml:9:1: FA202: unknown key "imputs"\n'
        "  expected: one of version, name, description, tags, severity, requirement, owner, agent, job, requirements, "
        "resources, tiers, flink, environment, network, config, config_extra, config_file, "
        "flink_config, llm, effects, inputs, faults, always_replay, upgrade, compare, expect, within, scrub, "
        "include, matrix, repeat, expect_fail\n"
        '  seen:     "imputs"\n'
        '  next:     did you mean "inputs"?',
    ),
    (
        "flink: 1.20   # the old one\n",
        "x.scenario.yaml:9:8: FA207: a version must be quoted\n"
        "  expected: a version in quotes\n"
        "  seen:     1.20\n"
        "  next:     quote it: unquoted, 1.20 is the number 1.2",
    ),
    (
        "compare: {}\n",
        'x.scenario.yaml:9:10: FA204: missing key "baseline" in compare\n'
        "  expected: baseline: what is compared with: {git}, {agent}, {tier} or {evidence}",
    ),
    (
        "effects: {payments: {route: POST /charge}}\n",
        "x.scenario.yaml:9:10: FA203: wrong value for effects\n"
        "  expected: a list of mappings with name, route, reply, fault, idempotent, tool, ...\n"
        "  seen:     a mapping of payments",
    ),
    (
        "upgrade: soon\n",
        "x.scenario.yaml:9:10: FA203: wrong value for upgrade\n"
        "  expected: a mapping with from, after, mode, rollback, inputs, in_flight, ...\n"
        '  seen:     the string "soon"',
    ),
    (
        "compare: {baseline: {}}\n",
        "x.scenario.yaml:9:21: FA204: a key is missing in compare.baseline\n"
        "  expected: one of agent, git, tier and evidence; agent also beside git\n"
        "  seen:     an empty mapping\n"
        "  next:     write git: v1.4.0, agent: package.module:Class, tier: local or evidence: FILE",
    ),
    (
        "compare: {baseline: {git: v1, tier: local}}\n",
        "x.scenario.yaml:9:21: FA204: a key is missing in compare.baseline\n"
        "  expected: one of agent, git, tier and evidence; agent also beside git\n"
        "  seen:     a mapping of git, tier\n"
        "  next:     write git: v1.4.0, agent: package.module:Class, tier: local or evidence: FILE",
    ),
    (
        "compare: {baseline: {agent: shop.agents:RefundAgent}}\n",
        "x.scenario.yaml:1:1: FA203: both sides of compare are the same\n"
        "  expected: an agent that is not the scenario's own\n"
        "  seen:     a mapping of version, name, agent, inputs, expect, compare\n"
        "  next:     name another agent, or its version at `git`",
    ),
    (
        "compare: {baseline: {tier: embedded}}\n",
        "x.scenario.yaml:1:1: FA203: both sides of compare are the same on the tier embedded\n"
        "  expected: tiers without embedded\n"
        "  seen:     a mapping of version, name, agent, inputs, expect, compare\n"
        "  next:     write the tiers that are compared with it: tiers: [local]",
    ),
    (
        "compare: {baseline: {git: v1}, allow: [output.text]}\n",
        "x.scenario.yaml:9:40: FA203: wrong value for compare.allow[0]\n"
        "  expected: a path that begins with tool_calls, effects, outputs, events, memory\n"
        '  seen:     the string "output.text"\n'
        "  next:     did you mean outputs?",
    ),
    (
        "compare: {baseline: {git: v1}, allow: [outputs.value]}\n",
        "x.scenario.yaml:9:40: FA203: wrong value for compare.allow[0]\n"
        "  expected: a path through the records of outputs\n"
        '  seen:     the string "outputs.value"\n'
        "  next:     write outputs[*].value",
    ),
    (
        "compare: {baseline: {git: v1}, allow: ['outputs[*]']}\n",
        "x.scenario.yaml:9:40: FA209: a rule that allows everything: outputs[*]\n"
        "  expected: a place inside a record\n"
        '  seen:     the string "outputs[*]"\n'
        "  next:     name what may differ: outputs[*].PLACE",
    ),
    (
        "compare: {baseline: {git: v1}, allow: [memory]}\n",
        "x.scenario.yaml:9:40: FA209: a rule that allows everything: memory\n"
        "  expected: a place inside a record\n"
        '  seen:     the string "memory"\n'
        "  next:     name what may differ: memory.PLACE",
    ),
    (
        "compare: {baseline: {git: v1}, allow: ['outputs[x].value']}\n",
        "x.scenario.yaml:9:40: FA203: wrong value for compare.allow[0]\n"
        "  expected: a path like outputs[*].value.text\n"
        '  seen:     the string "outputs[x].value"\n'
        "  next:     it cannot be read from '[x].value' on",
    ),
    (
        "compare: {baseline: {git: v1}}\nalways_replay: true\ntiers: [local]\n",
        "x.scenario.yaml:1:1: FA203: always_replay beside compare is not supported yet\n"
        "  expected: two runs that nothing else disturbs\n"
        "  seen:     a mapping of version, name, agent, inputs, expect, compare, always_replay, tiers\n"
        "  next:     remove always_replay, or compare",
    ),
    (
        "compare: {baseline: {evidence: gone.json}}\n",
        "x.scenario.yaml:9:32: FA206: no file gone.json\n  expected: an existing file\n  seen:     no such file",
    ),
    (
        "upgrade:\n  from: {agent: shop.agents:Refund}\n  afer: {outputs: 1}\n",
        'x.scenario.yaml:11:3: FA202: unknown key "afer" in upgrade\n'
        "  expected: one of from, after, mode, rollback, inputs, in_flight, shadow, allow, abort_after, removes\n"
        '  seen:     "afer"\n'
        '  next:     did you mean "after"?',
    ),
    (
        "tiers: [embedded]\nupgrade:\n  from: {savepoint: savepoints/1}\n",
        "x.scenario.yaml:11:21: FA206: no savepoint savepoints/1\n"
        "  expected: the directory of a savepoint, with its file _metadata\n"
        "  seen:     no such directory",
    ),
    (
        "upgrade:\n  from: {agent: shop.agents:RefundAgent}\n  after: {outputs: 1}\n",
        "x.scenario.yaml:1:1: FA204: upgrade on any tier\n"
        "  expected: tiers: [local, embedded, container, remote] or some of them\n"
        "  seen:     a mapping of version, name, agent, inputs, expect, upgrade\n"
        "  next:     add `tiers: [local, embedded]`, or one of the two",
    ),
    (
        "within: 60\n",
        "x.scenario.yaml:9:9: FA203: wrong value for within\n"
        "  expected: a duration above 0: 500ms, 2s or 1m\n"
        "  seen:     60\n"
        "  next:     write a number and its unit: ms, s or m",
    ),
    (
        "  delivery: {outputs: exactly_once}\ntiers: [embedded]\n"
        "upgrade: {from: {agent: shop.agents:RefundAgent, config: {}}, after: {outputs: 1}, mode: blue_green}\n"
        "effects: [{name: shop, route: POST /teas, reply: {json: {}}, fault: {status: 503, times: 2}}]\n",
        "x.scenario.yaml:1:1: FA203: a fault of POST /teas with times beside mode: blue_green is not supported yet\n"
        "  expected: nothing that both versions would share\n"
        "  seen:     a mapping of version, name, agent, inputs, expect, tiers, upgrade, effects\n"
        "  next:     remove it, or write mode: savepoint",
    ),
    (
        "  delivery: {outputs: exactly_once}\ntiers: [embedded, container]\n"
        "upgrade: {from: {agent: shop.agents:RefundAgent, config: {}}, after: {outputs: 1}, mode: blue_green}\n",
        "x.scenario.yaml:10:8: FA203: mode: blue_green on another tier than embedded\n"
        "  expected: tiers: [embedded]\n"
        "  seen:     a list of 2\n"
        "  next:     write `tiers: [embedded]`",
    ),
    (
        "severity: blocker\n",
        "x.scenario.yaml:9:11: FA203: wrong value for severity\n"
        '  expected: "block", "warn" or "info"\n'
        '  seen:     the string "blocker"\n'
        '  next:     did you mean "block"?',
    ),
    (
        "outputs: []\n",
        'x.scenario.yaml:9:1: FA202: unknown key "outputs"\n'
        "  expected: one of version, name, description, tags, severity, requirement, owner, agent, job, requirements, "
        "resources, tiers, flink, environment, network, config, config_extra, config_file, "
        "flink_config, llm, effects, inputs, faults, always_replay, upgrade, compare, expect, within, scrub, "
        "include, matrix, repeat, expect_fail\n"
        '  seen:     "outputs"\n'
        "  next:     it belongs in expect",
    ),
    (
        "expect_fail: {reason: a, check: outputs, until: 2027-01-31, severity: warn}\n",
        'x.scenario.yaml:9:61: FA202: unknown key "severity" in expect_fail\n'
        "  expected: one of reason, failure, check, until, owner\n"
        '  seen:     "severity"\n'
        "  next:     it belongs at the top level of the scenario",
    ),
    (
        "falts: []\n",
        'x.scenario.yaml:9:1: FA202: unknown key "falts"\n'
        "  expected: one of version, name, description, tags, severity, requirement, owner, agent, job, requirements, "
        "resources, tiers, flink, environment, network, config, config_extra, config_file, "
        "flink_config, llm, effects, inputs, faults, always_replay, upgrade, compare, expect, within, scrub, "
        "include, matrix, repeat, expect_fail\n"
        '  seen:     "falts"\n'
        '  next:     did you mean "faults"?',
    ),
    (
        "tags: refunds\n",
        'x.scenario.yaml:9:7: FA203: wrong value for tags\n  expected: a list\n  seen:     the string "refunds"',
    ),
    (
        "requirement: 17\n",
        "x.scenario.yaml:9:14: FA203: wrong value for requirement\n"
        "  expected: a string\n"
        "  seen:     17\n"
        "  next:     quote it if it is meant as a string",
    ),
    (
        "llm: {mode: live, script: [{reply: {text: hi}}]}\n",
        "x.scenario.yaml:9:6: FA203: llm.script in the mode live\n"
        "  expected: the words of one mode\n"
        "  seen:     a mapping of mode, script\n"
        "  next:     remove script, or change the mode",
    ),
    (
        "llm:\n  mode: scripted\n  script:\n    - when: {contain: x}\n      reply: {text: hi}\n",
        'x.scenario.yaml:12:14: FA202: unknown key "contain" in llm.script[0].when\n'
        "  expected: one of contains, regex, role, model, system_contains\n"
        '  seen:     "contain"\n'
        '  next:     did you mean "contains"?',
    ),
    (
        "expect_fail: {reason: upstream 1084, check: outputs}\n",
        'x.scenario.yaml:9:14: FA204: missing key "until" in expect_fail\n'
        "  expected: until: the last day on which this holds, at most 90 days ahead: 2027-01-31",
    ),
    (
        "requirements: reqs.txt\n",
        "x.scenario.yaml:9:15: FA206: no file reqs.txt\n  expected: an existing file\n  seen:     no such file",
    ),
    (
        "resources:\n  chat_model_connections:\n    - {name: a, clazz: ollama, base_url: '${llm.olama_url}'}\n",
        "x.scenario.yaml:11:42: FA210: unknown placeholder in resources.chat_model_connections[0].base_url\n"
        "  expected: one of llm.ollama_url, llm.openai_url, llm.anthropic_url\n"
        "  seen:     ${llm.olama_url}\n"
        "  next:     did you mean ${llm.ollama_url}? Otherwise write $${ for a literal ${",
    ),
    (
        "   within: 5s\n",
        "x.scenario.yaml:9:4: FA201: this is not valid YAML: did not find expected key\n"
        "  seen:     while parsing a block mapping from line 7, column 3\n"
        "  next:     indent this line like the keys beside it",
    ),
    (
        "within: 5s\nwithin: 6s\n",
        'x.scenario.yaml:10:1: FA201: the key "within" occurs twice\n  next:     keep one; the first is in line 9',
    ),
]


@pytest.mark.parametrize(("added", "text"), ADDED)
def test_the_whole_text_of_a_mistake(added: str, text: str, sound: str, problems: Problems) -> None:
    (problem,) = problems(sound + added)
    assert problem.render() == text


def test_a_job_is_told_the_tiers_on_which_it_can_be_upgraded(sound: str, problems: Problems) -> None:
    job = 'job: {jar: x.scenario.yaml, args: ["${input.topic}", "${output.topic}"]}'
    text = sound.replace("agent: shop.agents:RefundAgent", job)
    (problem,) = problems(text + "upgrade:\n  from: {flink: '1.20'}\n  after: {outputs: 1}\n")
    assert problem.message == "upgrade on any tier"
    assert problem.expected == "tiers: [embedded, container, remote] or some of them"
    assert problem.next_step == "add `tiers: [embedded]`"


TOPIC, NOT_HERE = ', args: ["${input.topic}", "${output.topic}"]', " is not possible here"
# What is exchanged in the sound scenario, the place of the one problem, its code and its message.
CHANGED = [
    ('version: "1"', "version: 1", "1:10", "FA207", "a version must be quoted"),
    ('version: "1"', 'version: "2"', "1:10", "FA203", "wrong value for version"),
    ('version: "1"\n', "", "1:1", "FA204", 'missing key "version"'),
    ("refund is approved once", '"a::b"', "2:7", "FA203", "wrong value for name"),
    ("refund is approved once", '"a\\nb"', "2:7", "FA203", "wrong value for name"),
    ("refund is approved once", "x" * 201, "2:7", "FA203", "wrong value for name"),
    ("refund is approved once", "", "2:6", "FA203", "wrong value for name"),
    ("shop.agents:RefundAgent", "shop.agents.RefundAgent", "3:8", "FA203", "wrong value for agent"),
    ("shop.agents:RefundAgent", "os:system()", "3:8", "FA203", "wrong value for agent"),
    ("shop.agents:RefundAgent", "[a]", "3:8", "FA203", "wrong value for agent"),
    ("shop.agents:RefundAgent", "{plan: 5}", "3:15", "FA203", "wrong value for agent.plan"),
    ("shop.agents:RefundAgent", "{jar: target/x.jar, class: shop.A}", "3:14", "FA206", "no file target/x.jar"),
    ("shop.agents:RefundAgent", "{jar: x.scenario.yaml}", "3:8", "FA204", 'missing key "class" in agent'),
    ("shop.agents:RefundAgent", "{class: shop.A}", "3:8", "FA204", 'missing key "jar" in agent'),
    (
        "shop.agents:RefundAgent",
        "{jar: x.scenario.yaml, class: 'shop:A'}",
        "3:38",
        "FA203",
        "wrong value for agent.class",
    ),
    ("shop.agents:RefundAgent", "{jar: x.scenario.yaml, clas: A}", "3:31", "FA202", 'unknown key "clas" in agent'),
    (
        "agent: shop.agents:RefundAgent",
        "agent: {jar: x.scenario.yaml, class: A}\ntiers: [local]",
        "1:1",
        "FA203",
        None,
    ),
    (
        "agent: shop.agents:RefundAgent",
        "agent: {jar: x.scenario.yaml, class: A}\nresources: {prompts: [{name: p, text: x}]}",
        "1:1",
        "FA203",
        "resources beside a Java agent",
    ),
    (
        "agent: shop.agents:RefundAgent",
        "agent: {jar: x.scenario.yaml, class: A}\ntiers: [embedded]\nupgrade: {from: {agent: shop.agents:RefundAgent}, "
        "after: {outputs: 1}}",
        "1:1",
        "FA203",
        "a Java agent beside upgrade is not supported yet",
    ),
    (
        "agent: shop.agents:RefundAgent",
        "agent: {jar: x.scenario.yaml, class: A}\nfaults: [{after: {seconds: 1}, rescale: {parallelism: 2}}]",
        "1:1",
        "FA203",
        "a Java agent beside rescale is not supported yet",
    ),
    *(
        (
            "agent: shop.agents:RefundAgent",
            f"job: {{jar: x.scenario.yaml{args}}}\ntiers: [{tiers}]\nupgrade: {{from: {{{before}}}, {words}}}",
            where,
            code,
            message,
        )
        for args, tiers, before, words, where, code, message in (
            ("", "embedded", "flink: '1.20'", "after: {outputs: 1}", "1:1", "FA204", "upgrade of a job with files"),
            *(
                (words, "embedded", before, "after: {outputs: 1}", "1:1", "FA204", "upgrade of a job with files")
                for words, before in (
                    (', args: ["${input.path}", "${output.topic}"]', "flink: '1.20'"),
                    (', args: ["${input.topic}", "${output.path}"]', "flink: '1.20'"),
                    (', args: ["${kafka.connector}"]', "flink: '1.20'"),
                    (TOPIC, 'job: {jar: x.scenario.yaml, args: ["${input.topic}"]}'),
                )
            ),
            (
                TOPIC,
                "local",
                "flink: '1.20'",
                "after: {outputs: 1}",
                "4:8",
                "FA203",
                "a job beside upgrade on the local tier",
            ),
            *(
                (TOPIC, "embedded", before, words, where, "FA203", f"upgrade.{word}{NOT_HERE}")
                for before, words, where, word in (
                    ("agent: agents:A", "after: {outputs: 1}", "5:25", "from.agent"),
                    ("config: {max-retries: 2}", "after: {outputs: 1}", "5:26", "from.config"),
                    ("flink: '1.20'", "after: {event: x}", "5:49", "after.event"),
                    ("flink: '1.20'", "after: {outputs: 1}, removes: [a]", "5:64", "removes"),
                )
            ),
        )
    ),
    ("agent: shop.agents:RefundAgent", "job: {python: x.py}", "3:15", "FA206", "no file x.py"),
    ("agent: shop.agents:RefundAgent", "job: {jar: target/x.jar}", "3:12", "FA206", "no file target/x.jar"),
    ("agent: shop.agents:RefundAgent", "job: {}", "3:6", "FA204", 'missing key "python" in job'),
    ("agent: shop.agents:RefundAgent", "job: x.py", "3:6", "FA203", "wrong value for job"),
    ("agent: shop.agents:RefundAgent", "", "1:1", "FA204", None),
    ("agent: shop.agents:RefundAgent", "agent: agents:A\njob: {python: x.scenario.yaml}", "1:1", "FA204", None),
    ('{key: "c-1", value: {order: "o-1", amount: 20}}', "{generate: {count: 5, keys: 1}}", "5:16", "FA204", None),
    ('{key: "c-1", value: {order: "o-1", amount: 20}}', "{key: 1}", "5:5", "FA204", 'missing key "value" in inputs[0]'),
    ('{key: "c-1", value: {order: "o-1", amount: 20}}', "hello", "5:5", "FA203", "wrong value for inputs[0]"),
    ('\n  - {key: "c-1", value: {order: "o-1", amount: 20}}', " []", "4:9", "FA203", "wrong value for inputs"),
    (
        "outputs:",
        "delivery: {actions: at_least_once}\n  outputs:",
        "7:23",
        "FA203",
        "wrong value for expect.delivery.actions",
    ),
    (
        "outputs:",
        "delivery: {actions: exactly_once, per_input: 2}\n  outputs:",
        "7:13",
        "FA203",
        "per_input has no effect here",
    ),
    ("outputs:", "delivery: {per_input: 2}\n  outputs:", "7:13", "FA204", None),
    (
        "outputs:",
        "delivery: {outputs: exactly_one}\n  outputs:",
        "7:23",
        "FA203",
        "wrong value for expect.delivery.outputs",
    ),
    ("outputs:", "delivery: {outputs: exactly_once, per_input: 0}\n  outputs:", "7:48", "FA203", None),
    ("outputs:", "delivery: {}\n  outputs:", "7:13", "FA204", None),
    ("outputs:", "memory: {}\n  outputs:", "7:11", "FA203", None),
    ("outputs:", "order: sorted\n  outputs:", "7:10", "FA203", "wrong value for expect.order"),
    ("outputs:", "ouputs:", "7:3", "FA202", 'unknown key "ouputs" in expect'),
    ("{status: approved}", "{any_string: 1}", "8:40", "FA203", "wrong value for any_string"),
    ("{status: approved}", "{schema: {typ: object}}", "8:37", "FA202", None),
    ("{status: approved}", "{status: {contains: ''}}", "8:47", "FA209", "a matcher that cannot fail: contains"),
    ('{key: "c-1", value: {status', "{key: {any_value: true}, value: {status", "8:13", "FA203", None),
]


@pytest.mark.parametrize(("old", "new", "where", "code", "message"), CHANGED)
def test_one_mistake_is_one_problem_at_its_place(
    old: str, new: str, where: str, code: str, message: str | None, sound: str, problems: Problems
) -> None:
    assert old in sound
    (problem,) = problems(sound.replace(old, new, 1))
    assert (problem.where, problem.code) == (f"x.scenario.yaml:{where}", code)
    assert message is None or problem.message == message
    assert problem.code in CODES


# Lines added at the left margin, and the places and codes of their problems.
_BESIDE = "upgrade: {from: {agent: agents:A}, after: {outputs: 1}, mode: blue_green"
_EXACTLY_ONCE = "  delivery: {outputs: exactly_once}\ntiers: [embedded]\n"
_SHARED = f"{_EXACTLY_ONCE}{_BESIDE}}}\neffects: [{{name: shop, route: POST /teas"
BLOCKS = [
    ("tags: [a, a]", [("9:7", "FA203")]),
    ("tags: ['']", [("9:8", "FA203")]),
    ("tiers: []", [("9:8", "FA203")]),
    ("tiers: [local, docker]", [("9:16", "FA203")]),
    ("flink: '>>1'", [("9:8", "FA203")]),
    ("flink: ''", [("9:8", "FA203")]),
    ("flink: true", [("9:8", "FA203")]),
    ("requirements: ['pandas==2.2.3', '-r other.txt']", [("9:33", "FA215")]),
    ("requirements: ['pandas = 1']", [("9:16", "FA203")]),
    ("requirements: []", [("9:15", "FA203")]),
    ("requirements: 5", [("9:15", "FA203")]),
    ("config: [a]", [("9:9", "FA203")]),
    ("resources: {chat_models: []}", [("9:13", "FA202")]),
    ("resources: {tools: [a]}", [("9:21", "FA203")]),
    ("expect_fail: {reason: x, check: outputs, until: 31.1.2027}", [("9:49", "FA203")]),
    ("expect_fail: {reason: x, check: outputs, until: 2027-02-30}", [("9:49", "FA203")]),
    ("expect_fail: {reason: x, check: outputs, until: 2027-03-02}", [("9:49", "FA203")]),
    ("expect_fail: {reason: x, check: outputs, until: 9999-12-31}", [("9:49", "FA203")]),
    ("expect_fail: {reason: x, until: 2027-01-31}", [("9:14", "FA204")]),
    ("expect_fail: {reason: x, check: failure, until: 2027-01-31}", [("9:14", "FA204")]),
    ("expect_fail: {reason: x, check: output, until: 2027-01-31}", [("9:33", "FA203")]),
    ("expect_fail: {reason: x, failure: {contains: ''}, until: 2027-01-31}", [("9:46", "FA203")]),
    ("always_replay: yes", [("9:16", "FA203")]),
    ("always_replay: true", [("1:1", "FA204")]),
    ("always_replay: true\ntiers: [local, remote]", [("1:1", "FA204")]),
    ("within: 0s", [("9:9", "FA203")]),
    ("within: 1h", [("9:9", "FA203")]),
    ("within: 1441m", [("9:9", "FA203")]),
    ("llm: {mode: scripted, script: [{fault: {delay: 61m}}]}", [("9:48", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {text: a}, times: 1000001}]}", [("9:58", "FA203")]),
    ("llm: {mode: scripted, script: []}", [("9:31", "FA203")]),
    ("llm: {mode: scripted, script: [{when: {role: tool}}]}", [("9:32", "FA204")]),
    ("llm: {mode: scripted, script: [{when: {}, reply: {text: a}}]}", [("9:39", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {}}]}", [("9:40", "FA204")]),
    ("llm: {mode: scripted, script: [{reply: {text: a, json: 1}}]}", [("9:40", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {text: a}, times: 0}]}", [("9:58", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {text: a}, times: true}]}", [("9:58", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {tool_calls: []}}]}", [("9:53", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {embedding: [1], text: a}}]}", [("9:40", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {embedding: [a]}}]}", [("9:53", "FA203")]),
    ("llm: {mode: scripted, script: [{when: {role: user}, reply: {embedding: [1]}}]}", [("9:32", "FA203")]),
    ("llm: {mode: scripted, script: [{when: {system_contains: a}, reply: {embedding: [1]}}]}", [("9:32", "FA203")]),
    ("llm: {mode: scripted, script: [{when: {role: embedding}, reply: {text: a}}]}", [("9:32", "FA203")]),
    ("llm: {mode: scripted, script: [{reply: {text: a}, usage: {prompt_tokens: 1}}]}", [("9:58", "FA204")]),
    ("llm: {mode: scripted, script: [{fault: {}}]}", [("9:40", "FA204")]),
    ("llm: {mode: scripted, script: [{fault: {status: 200}}]}", [("9:49", "FA203")]),
    ("llm: {mode: scripted, script: [{fault: {retry_after: 1s}}]}", [("9:40", "FA203")]),
    ("llm: {mode: scripted, script: [{fault: {reset: true, truncate: true}}]}", [("9:40", "FA203")]),
    ("llm: {mode: scripted, script: [{fault: {reset: false}}]}", [("9:48", "FA203")]),
    ("llm: {mode: scripted, script: [{fault: {reset: true}, reply: {text: a}}]}", [("9:32", "FA203")]),
    ("llm: {mode: scripted, script: [{when: {regex: '(a+'}, reply: {text: a}}]}", [("9:47", "FA203")]),
    ("owner: '${env.HOME}'", [("9:8", "FA210")]),
    ("owner: '${llm.openai_url}'", [("9:8", "FA210")]),
    ("owner: '${effects.pay.url}'", [("9:8", "FA210")]),
    ("owner: '${oops'", [("9:8", "FA210")]),
    ("form:x: 1", [("9:1", "FA202")]),
    ("owner:", [("1:1", "FA203")]),
    ("faults:\n  - after: {outputs: }\n    kill: taskmanager", [("10:12", "FA203")]),
    ("faults:\n  - after: {effect: paymnts}\n    kill: taskmanager", [("10:21", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, cut: kafkaa}", [("10:32", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, fill_disk: broker}", [("10:38", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, cut: llm}", [("1:1", "FA204")]),
    ("faults:\n  - {after: {seconds: 1}, cut: kafka, by: 1s}", [("10:5", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, lose: kafka, share: 95}", [("10:47", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, rescale: {parallelism: 0}}", [("10:50", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, rescale: {parallelism: 17}}", [("10:50", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, rescale: {}}", [("10:36", "FA204")]),
    ("faults:\n  - {after: {seconds: 1}, rescale: {parallelism: 2}, for: 1s}", [("10:5", "FA203")]),
    ("faults:\n  - {after: {seconds: 1}, rescale: {parallelism: 2}}", [("1:1", "FA204")]),
    ("tiers: [embedded]\nupgrade: {from: {agent: shop.gone:A}, after: {outputs: 1}}", [("10:25", "FA214")]),
    ("tiers: [embedded]\nupgrade: {from: {agent: A}, after: {outputs: 1}}", [("10:25", "FA203")]),
    (
        "tiers: [embedded]\nupgrade: {from: {plan: gone.json}, after: {outputs: 1}}",
        [("10:18", "FA202")],
    ),
    ("tiers: [embedded]\nupgrade: {from: {agent: {plan: gone.json}}, after: {outputs: 1}}", [("10:32", "FA206")]),
    ("tiers: [embedded]\nupgrade: {from: {agent: agents:A}}", [("10:10", "FA204")]),
    (
        "tiers: [embedded]\nupgrade: {from: {agent: agents:A}, after: {outputs: 1}, mode: blue-green}",
        [("10:63", "FA203")],
    ),
    (f"tiers: [embedded]\n{_BESIDE}}}", [("1:1", "FA204")]),
    (f"tiers: [local, embedded]\n{_BESIDE}}}", [("9:8", "FA203")]),
    (f"tiers: [embedded]\n{_BESIDE}, rollback: true}}", [("10:10", "FA203")]),
    (f"tiers: [embedded]\n{_BESIDE}, shadow: 0}}", [("10:83", "FA203")]),
    (f"tiers: [embedded]\n{_BESIDE}, abort_after: switch}}", [("10:88", "FA203")]),
    (f"tiers: [embedded]\n{_BESIDE}, allow: [memory.x]}}", [("10:83", "FA203")]),
    (f'tiers: [embedded]\n{_BESIDE}, allow: ["outputs[*]"]}}', [("10:83", "FA209")]),
    (f"{_SHARED}, fault: {{delay: 1s, times: 2}}}}]", [("1:1", "FA203")]),
    (f"{_SHARED}, fault: {{reset: after, times: 1}}}}]", [("1:1", "FA203")]),
    (f"{_SHARED}, reply: {{json: '${{request.sequence}}'}}}}]", [("1:1", "FA203")]),
    (f"{_SHARED}, fault: {{reset: before}}}}]", [("1:1", "FA203")]),
    ("tiers: [embedded]\nupgrade: {from: {agent: agents:A}, after: {outputs: 1}, shadow: 2}", [("10:10", "FA204")]),
    ("tiers: [embedded]\nupgrade: {from: {agent: agents:A}, after: {effect: pay}}", [("10:52", "FA203")]),
    ("tiers: [embedded]\nupgrade: {from: {agent: agents:A}, after: {event: x}, rollback: true}", [("10:10", "FA203")]),
    ("tiers: [embedded]\nupgrade: {from: {agent: agents:A}, after: {outputs: 1}, in_flight: -1}", [("10:68", "FA203")]),
    (
        "tiers: [embedded]\nupgrade: {from: {agent: agents:A}, after: {outputs: 1}}\nalways_replay: true",
        [("1:1", "FA203")],
    ),
    ("tiers: [embedded]\nupgrade: {from: {}, after: {outputs: 1}}", [("10:17", "FA204")]),
    ("tiers: [embedded]\nupgrade: {from: {savepoint: ../../s}}", [("10:29", "FA206")]),
    ("tiers: [embedded]\nupgrade: {from: {savepoint: .}, in_flight: 2}", [("10:10", "FA203"), ("10:29", "FA206")]),
    ("tiers: [embedded]\nupgrade: {from: {savepoint: .}, rollback: true}", [("10:10", "FA204"), ("10:29", "FA206")]),
    ('tiers: [embedded]\nupgrade: {from: {flink: "3.0"}, after: {outputs: 1}}', [("10:25", "FA203")]),
    ("tiers: [embedded]\nupgrade: {from: {flink: 1.20}, after: {outputs: 1}}", [("10:25", "FA207")]),
    ('tiers: [embedded]\nupgrade: {from: {flink_agents: "0.3.0.x"}, after: {outputs: 1}}', [("10:32", "FA203")]),
    ("tiers: [embedded]\nupgrade: {from: {python: 3.10}, after: {outputs: 1}}", [("10:26", "FA207")]),
    ('tiers: [embedded]\nupgrade: {from: {python: "2.7"}, after: {outputs: 1}}', [("10:26", "FA203")]),
    ("tiers: [embedded]\nupgrade: {from: {parallelism: 0}, after: {outputs: 1}}", [("10:31", "FA203")]),
    ("tiers: [embedded]\nupgrade: {from: {parallelism: two}, after: {outputs: 1}}", [("10:31", "FA203")]),
    (
        "tiers: [embedded]\nupgrade: {from: {parallelism: 2, flink_config: {parallelism.default: 2}}, after: {outputs: 1}}",
        [("10:49", "FA203")],
    ),
    (
        "tiers: [embedded]\nupgrade: {from: {flink_config: {paralelism.default: 2}}, after: {outputs: 1}}",
        [("10:33", "FA213")],
    ),
    ("tiers: [embedded]\nupgrade: {from: {config: {max-retry: 2}}, after: {outputs: 1}}", [("10:27", "FA213")]),
    ("tiers: [embedded]\nupgrade: {from: {requirements: gone.txt}, after: {outputs: 1}}", [("10:32", "FA206")]),
    ("tiers: [embedded]\nupgrade: {from: {requirements: [-e .]}, after: {outputs: 1}}", [("10:33", "FA215")]),
    ("tiers: [embedded]\nupgrade: {from: {git: 5}, after: {outputs: 1}}", [("10:23", "FA203")]),
    ("upgrade: {from: {agent: agents:A}, after: {outputs: 1}}", [("1:1", "FA204")]),
    (
        "tiers: [embedded]\nupgrade: {from: {job: {python: x.py}}, after: {outputs: 1}}",
        [("10:23", "FA203"), ("10:32", "FA206")],
    ),
    ("tiers: [embedded]\nupgrade: {from: {git: v1, job: {jar: x.jar}}, after: {outputs: 1}}", [("10:32", "FA203")]),
    ('tiers: [remote]\nupgrade: {from: {flink: "1.20"}, after: {outputs: 1}}', [("10:25", "FA203")]),
    ("tiers: [local]\nupgrade: {from: {agent: agents:A}, after: {seconds: 1}}", [("10:43", "FA203")]),
    ("tiers: [local]\nupgrade: {from: {agent: agents:A}, after: {outputs: 1}, mode: last-state}", [("10:63", "FA203")]),
    ("jobs: 1\nmatrixx: 2\ncompare: 3", [("9:1", "FA202"), ("10:1", "FA202"), ("11:10", "FA203")]),
]


@pytest.mark.parametrize(("added", "places"), BLOCKS)
def test_a_broken_rule_is_reported_at_its_value(
    added: str, places: list[tuple[str, str]], sound: str, problems: Problems
) -> None:
    found = problems(sound + added + "\n")
    assert [(problem.where, problem.code) for problem in found] == [
        (f"x.scenario.yaml:{at}", code) for at, code in places
    ]


def test_all_mistakes_of_all_documents_are_reported_in_order(sound: str, problems: Problems) -> None:
    wrong = sound.replace(":RefundAgent", "").replace("approved}", "approved, note: {one_of: []}}")
    text = (
        f"{wrong}requirements: gone.txt\nowner: '${{x}}'\nwithn: 5s\n---\n{sound}---\n{sound}---\na: &x 1\n---\n- 1\n"
    )
    found = [(problem.where.removeprefix("x.scenario.yaml:"), problem.code) for problem in problems(text)]
    assert found == [
        ("3:8", "FA203"),
        ("8:61", "FA209"),
        ("9:15", "FA206"),
        ("10:8", "FA210"),
        ("11:1", "FA202"),
        ("14:7", "FA208"),
        ("23:7", "FA208"),
        ("31:4", "FA201"),
        ("33:1", "FA203"),
    ]


def test_a_file_without_a_scenario_is_a_problem(problems: Problems) -> None:
    assert [problem.code for problem in problems("# to be written\n")] == ["FA201"]


def test_no_control_character_reaches_the_terminal(sound: str, problems: Problems) -> None:
    found = problems(sound + '"\\e[31m": 1\nowner: ["\\e]0;x\\a"]\nseverity: "\\u202e\\n' + "x" * 500 + '"\n')
    assert found[0].message == r'unknown key "\x1b[31m"'
    assert all(problem.message.isprintable() and problem.seen.isprintable() for problem in found)
    assert found[2].seen.startswith(r'the string "\u202e\nxxx')
    assert len(found[2].seen) < 110


def test_at_most_a_hundred_problems_are_shown(sound: str, problems: Problems) -> None:
    found = problems(sound + "".join(f"nonsense{n}: 1\n" for n in range(1000)))
    assert len(found) == 101
    assert found[-1].message == "900 more problems in this file are not shown"


@pytest.mark.parametrize(
    ("expect", "next_step"),
    [
        ("{output: []}", 'did you mean "outputs"?'),
        ("{outputs: [{keys: a, value: 1}]}", 'did you mean "key"?'),
        ("{trajectories: {events: [a]}}", 'did you mean "trajectory"?'),
        ("{outputs: [], inputs: []}", "it belongs at the top level of the scenario"),
        ("{outputs: [], zzz: []}", "correct it, or remove it"),
    ],
)
def test_a_letter_too_many_is_likelier_than_a_word_of_another_place(
    expect: str, next_step: str, sound: str, problems: Problems
) -> None:
    text = f"{sound.partition('expect:')[0]}expect: {expect}\n"
    found = next(problem for problem in problems(text) if problem.code == "FA202")
    assert found.next_step == next_step


def test_a_word_that_the_whole_scenario_lacks_has_a_place_in_the_message(sound: str, problems: Problems) -> None:
    (problem,) = problems(f"{sound.partition('expect:')[0]}expect: {{restarts: {{max: 0}}}}\n")
    assert problem.message == "a key is missing in the scenario"
