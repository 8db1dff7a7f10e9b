"""What the codes FA2xx mean, for ``flink-agents-gate explain`` and the documentation.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Code(NamedTuple):
    """The meaning of one code; ``example`` shows it, what is wrong first and what is right after an arrow."""

    title: str
    explanation: str
    example: str


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "FA201": Code(
            "The file is not the YAML that scenarios are written in",
            "Either the text is not valid YAML, or it uses what makes a scenario hard to read or unsafe: a key "
            "twice in one mapping, anchors and aliases, tags, merge keys, directives, keys that are not text, "
            "numbers that JSON cannot hold. Only true, false, null and numbers are not text: yes, on, NO and "
            "12:30 are.",
            "base: &base {a: 1}   ->   base: {a: 1}",
        ),
        "FA202": Code(
            "A key that the language does not have",
            "Every key must be one of the language: a mistyped one would silently check nothing. The message "
            "names the keys that may stand there, and the nearest.",
            "imputs: [...]   ->   inputs: [...]",
        ),
        "FA203": Code(
            "A value of the wrong kind or form",
            "Values are taken as they are written: a number is never made of a text, nor a text of a number. The "
            "message says what is expected there, and what was seen.",
            "within: 60   ->   within: 60s",
        ),
        "FA204": Code(
            "Something that must be there is missing",
            "A scenario needs version, name, agent, inputs and expect; expect needs outputs, failure or delivery, since a "
            "scenario that expects nothing cannot fail. Other mappings have required keys too.",
            "expect: {}   ->   expect: {outputs: []}",
        ),
        "FA205": Code(
            "A word of the language that this version does not support yet",
            "The word is right, but this version would ignore it. It is refused, since what was not checked must "
            "not pass.",
            "expect: {outputs: [...], metrics: {...}}   ->   expect: {outputs: [...]}",
        ),
        "FA206": Code(
            "A file that is not there, or outside the project",
            "Paths are relative to the scenario file. Links are followed, and what they lead to must lie inside "
            "the project root; the file of a package must lie inside that package.",
            "inputs: [{from: /tmp/orders.jsonl, key: id}]   ->   inputs: [{from: data/orders.jsonl, key: id}]",
        ),
        "FA207": Code(
            "A version without quotes",
            "Without quotes YAML reads a version as a number, and 1.20 as 1.2: another version. So versions are "
            "quoted, always.",
            'flink: 1.20   ->   flink: "1.20"',
        ),
        "FA208": Code(
            "Two scenarios of one name in one file",
            "The name is part of the test's id, and of the history of its results: it must be unique in its file.",
            "name: refund / name: refund   ->   name: refund / name: refund twice",
        ),
        "FA209": Code(
            "A matcher that cannot fail, or can never match",
            "What every value matches checks nothing, and what none matches can only fail. Under `not`, a "
            "mistyped matching word counts too, as it would match for ever. Data that looks like a matcher goes "
            "into `equals`.",
            'value: {contains: ""}   ->   value: {contains: "approved"}',
        ),
        "FA210": Code(
            "A placeholder that is unknown, or not filled in there",
            "Known are ${llm.ollama_url}, ${llm.openai_url}, ${llm.anthropic_url} and ${env.NAME} for names that the "
            "ini file allows, in `resources` and `config` only. Write $${ for a plain ${.",
            'base_url: "${llm.olama_url}"   ->   base_url: "${llm.ollama_url}"',
        ),
        "FA211": Code(
            "More than the limits allow",
            "A scenario file has at most 256 KiB, 32 levels and 20,000 values; a data file is read up to 64 MiB; "
            "100 problems of a file are shown. Many inputs belong into a JSON-lines file.",
            "inputs: [... 5,000 of them ...]   ->   inputs: [{from: data/orders.jsonl, key: id}]",
        ),
        "FA212": Code(
            "Input data that cannot be used",
            "Every line of a data file that is not blank must be a JSON value, with something at the JMESPath of "
            "the key, and at that of the value where one is given.",
            '{"order": "o-1",}   ->   {"order": "o-1"}',
        ),
        "FA213": Code(
            "A key under config that is nearly an option of flink-agents",
            "Agents may read keys of their own, so this is only a warning; but flink-agents passes over a mistyped "
            "option without a word.",
            "config: {event_log.level: OFF}   ->   config: {event-log.level: OFF}",
        ),
    }
)
