"""Codes FA2xx: mistakes in a scenario file or its data.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_flink_agents.codes.entry import ErrorCode, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_code = partial(ErrorCode, Fault.SCENARIO)

CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "FA201": _code(
            "The file is not valid scenario YAML",
            "The text is not valid YAML, or it uses a feature that makes a scenario hard to read or unsafe: "
            "duplicate keys, anchors and aliases, tags, merge keys, directives, keys that are not strings, numbers "
            "that JSON cannot represent. Only true, false, null and numbers are not strings; yes, on, NO and 12:30 "
            "are strings.",
            "Correct the line that the message names; write repeated values out instead of using anchors.",
            "base: &base {a: 1}   ->   base: {a: 1}",
        ),
        "FA202": _code(
            "Unknown key",
            "Every key must be a word of the language, because a mistyped key would silently check nothing. The "
            "message lists the keys allowed at that place and the nearest one.",
            "Correct the key or remove it.",
            "imputs: [...]   ->   inputs: [...]",
        ),
        "FA203": _code(
            "Wrong type or form of a value",
            "Values are never converted: a string does not become a number, nor a number a string. Numbers and "
            "durations have bounds, and the message states them.",
            "Write the value in the form that the message expects.",
            "within: 60   ->   within: 60s",
        ),
        "FA204": _code(
            "A required key is missing",
            "A scenario needs version, name, agent or job, inputs and expect. expect needs outputs, failure or "
            "delivery, because a scenario without an expectation cannot fail. Other mappings have required keys, too.",
            "Add the key that the message names.",
            "expect: {}   ->   expect: {outputs: []}",
        ),
        "FA205": _code(
            "A word that this version does not support yet",
            "The word belongs to the language, but this version would ignore it. It is refused, because a check that "
            "does not run must not pass.",
            "Remove the word, or use a version that supports it.",
            "expect: {outputs: [...], metrics: {...}}   ->   expect: {outputs: [...]}",
        ),
        "FA206": _code(
            "A file is missing, outside the project, or not a regular file",
            "Paths are relative to the scenario file. Symbolic links are resolved first, and their target must be a "
            "regular file inside the project root. The file of a package must be inside that package. FIFOs, sockets "
            "and devices are refused without being opened.",
            "Correct the path, or copy the file into the project.",
            "inputs: [{from: /tmp/orders.jsonl, key: id}]   ->   inputs: [{from: data/orders.jsonl, key: id}]",
        ),
        "FA207": _code(
            "A version without quotes",
            "YAML reads an unquoted version as a number, and 1.20 as 1.2, which is another version.",
            "Quote the version.",
            'flink: 1.20   ->   flink: "1.20"',
        ),
        "FA208": _code(
            "Two scenarios in one file have the same name",
            "The name is part of the test's id and identifies its results over time, so it must be unique in its file.",
            "Rename one of the scenarios.",
            "name: refund / name: refund   ->   name: refund / name: refund twice",
        ),
        "FA209": _code(
            "A matcher that cannot fail, or that never matches",
            "A matcher that accepts every value checks nothing, and a matcher that accepts none always fails. The same "
            "holds for a pattern that every log line or every failure message contains, and for a mistyped matcher "
            "word, which would be compared as data.",
            "Name something that only the expected value has. Wrap data that looks like a matcher in `equals`.",
            'value: {contains: ""}   ->   value: {contains: "approved"}',
        ),
        "FA210": _code(
            "A placeholder that is unknown, malformed or not allowed at that place",
            "Known placeholders are ${llm.ollama_url}, ${llm.openai_url}, ${llm.anthropic_url}, ${llm.NAME_url} for a "
            "model format that a plugin adds, and ${env.NAME} for "
            "names that the ini file allows, in `resources`, `config`, `environment` and `job` only. Text that looks "
            "like a placeholder but has no braces, such as $llm.ollama_url, is refused, because the agent would use it "
            "literally. The value of `generate` has ${input.number}, ${input.key} and ${input.random}. "
            "${matrix.NAME} stands for a value of `matrix` anywhere but in keys, `version` and `name`, and every name of "
            "`matrix` must be used.",
            "Write ${NAME} with a known name, or $${ for a literal ${.",
            'base_url: "${llm.olama_url}"   ->   base_url: "${llm.ollama_url}"',
        ),
        "FA211": _code(
            "A size limit is exceeded",
            "A scenario file has at most 256 KiB, 32 levels and 20,000 values. The data files of a scenario have at "
            "most 64 MiB together and 1 MiB per line, and generated inputs at most 64 MiB. A matrix has at most 1,000 "
            "combinations. Expressions are limited in length and in the work that they can cause. At most 100 "
            "problems of a file are shown.",
            "Move inputs into a JSON-lines file, shorten the file, or simplify the expression.",
            "inputs: [... 5,000 of them ...]   ->   inputs: [{from: data/orders.jsonl, key: id}]",
        ),
        "FA212": _code(
            "Invalid input data",
            "Every non-blank line of a data file must be one JSON value without duplicate keys, NaN, infinite numbers "
            "or integers of more than 100 digits, at most 32 levels deep. The first line of a CSV file names its "
            "columns, and every row has as many cells. The JMESPath of the key, and of the value "
            "if there is one, must find something in it.",
            "Correct the line of the data file that the message names.",
            '{"order": "o-1",}   ->   {"order": "o-1"}',
        ),
        "FA213": _code(
            "Unknown option under config",
            "flink-agents ignores an unknown option silently, so the scenario would test another configuration than "
            "the one it shows. Set `config_extra: true` if the agent reads keys of its own, or if a newer flink-agents "
            "has the option.",
            "Correct the option, or set `config_extra: true`.",
            "config: {event_log.level: OFF}   ->   config: {event-log.level: OFF}",
        ),
        "FA214": _code(
            "Code that the project does not contain",
            "A scenario file is data. It may name only agents, functions and classes whose module is a file below the "
            "project root or pytest's pythonpath, part of flink_agents, or part of a package that the ini value "
            "flink_allowed_packages lists. This is decided by path before anything is imported.",
            "Name something that the project contains, or add the package to flink_allowed_packages.",
            'tools: [{name: t, function: "os:system"}]   ->   tools: [{name: t, function: "shop.tools:refund"}]',
        ),
        "FA215": _code(
            "A kind of requirement that is not allowed",
            "Requirements with URLs, VCS references, editable installs, nested files, index options or paths outside "
            "the project let a scenario file choose the code that is installed. The ini value "
            "flink_requirement_kinds allows them by kind: url, vcs, editable, file, index, path.",
            "Write a plain requirement such as pandas==2.2.3, or allow the kind in the ini file.",
            "requirements: ['x @ https://example.org/x.whl']   ->   requirements: ['x==1.0']",
        ),
        "FA216": _code(
            "An unknown resource class or argument",
            "An agent silently ignores an argument that its resource class does not have, and then calls the real "
            "service instead of the scenario's. Names and arguments of the classes that flink-agents declares are "
            "checked; classes of the project are not.",
            "Correct the name or argument; the message names the nearest one.",
            "{name: server, clazz: ollama, baseurl: ...}   ->   {name: server, clazz: ollama, base_url: ...}",
        ),
        "FA217": _code(
            "Words that cannot be shared",
            "A file under `include` and scenario.defaults.yaml hold one mapping of the words of a scenario. Files that "
            "include each other in a circle have no order, and a scenario includes at most 32 files.",
            "Move the shared words into a file that includes no other.",
            "common.yaml includes other.yaml, which includes common.yaml   ->   one of them includes the other",
        ),
        "FA218": _code(
            "A cassette that cannot be replayed",
            "`llm: {mode: replay}` answers from a file that `--llm-mode=record` wrote. It is missing or truncated, it is "
            "another file, or it was changed after it was recorded, which its digests show: its answers would not be those "
            "of the model.",
            "Record it again, or restore the file from version control.",
            "llm: {mode: replay, cassette: cassettes/refund.json}   ->   pytest --llm-mode=record --llm-overwrite",
        ),
        "FA219": _code(
            "An address off this machine that network does not allow",
            "A scenario file is data, and the address of a resource decides where an agent sends its data. So a "
            "literal address in the scenario's resources must be on loopback, or allowed by the scenario's network: "
            "open, or a list of host:port.",
            "Use a placeholder such as ${llm.ollama_url}, or allow the address in network.",
            'base_url: "https://api.example.com"   ->   network: ["api.example.com:443"]',
        ),
    }
)
