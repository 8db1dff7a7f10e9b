"""Codes FA460-FA469 and FA480-FA487: mistakes in a Flink configuration file.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_flink_agents.codes.entry import ErrorCode, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_code = partial(ErrorCode, Fault.ENVIRONMENT)

CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "FA460": _code(
            "The configuration cannot be read",
            "The file is not YAML, or it uses a feature that the linter does not follow: duplicate keys, several "
            "documents, anchors and aliases.",
            "Write one plain YAML document.",
        ),
        "FA461": _code(
            "A flat key",
            "flink-agents reads only the mapping below agent:. It silently ignores a top-level line agent.KEY; only "
            "Flink's own options may be written that way.",
            "Move the key below agent:.",
        ),
        "FA462": _code(
            "An option in the wrong place",
            "flink-agents reads only the mapping below agent:, although the example on its monitoring page shows "
            "another place.",
            "Move the option below agent:.",
        ),
        "FA463": _code(
            "A key that resembles an option",
            "Agents may read keys of their own, so flink-agents ignores unknown keys silently, including mistyped ones.",
            "Correct the key.",
        ),
        "FA464": _code(
            "A string instead of true or false",
            "Python treats every non-empty string as true, including 'false'. Java cannot cast the string of "
            "prettyPrint.",
            "Remove the quotes.",
        ),
        "FA465": _code(
            "An option value in another case",
            "Java accepts option values in any case, Python only as declared: it raises for RETRY.",
            "Write the value as declared.",
        ),
        "FA466": _code(
            "An invalid option value",
            "The option does not accept this value.",
            "Write one of the values that the message lists.",
        ),
        "FA467": _code(
            "An unknown action state store",
            "flink-agents silently treats an unknown backend as none, so that nothing is durable.",
            "Write kafka or fluss.",
        ),
        "FA468": _code(
            "An incomplete action state store",
            "The Kafka store needs kafkaActionStateTopic, the Fluss store flussActionStateTable. Without a backend "
            "neither is used.",
            "Add the missing option.",
        ),
        "FA469": _code(
            "A file that is not read",
            "The client program reads config.yaml in the directory that FLINK_CONF_DIR names; the Python client "
            "prefers the old flink-conf.yaml. If the variable is not set, nothing is read and nothing is reported. "
            "Options travel inside the job, so a file that exists only on a TaskManager, or only in its image, has no "
            "effect.",
            "Set FLINK_CONF_DIR to the file's directory on the machine that submits the job.",
        ),
        "FA480": _code(
            "An option that this version ignores",
            "The option belongs to flink-agents 0.4, or to the bundled engine of pytest-flink-agents. flink-agents 0.3 "
            "ignores it silently.",
            "Remove the option, or deploy a version that has it.",
        ),
        "FA481": _code(
            "An unquoted word that Python reads as true or false",
            "PyYAML reads YAML 1.1, in which OFF, no and on are booleans. Flink's own reader treats them as strings.",
            "Quote the word.",
        ),
        "FA487": _code(
            "A bare number that Java and Python read differently",
            "flink-agents reads the file by YAML 1.1 in Python and by YAML 1.2 in Java: 010 is eight or ten, 12:30:45 a "
            "number of seconds or a string, 1e3 a string or a number.",
            "Write a plain decimal number, or quote the value.",
        ),
        "FA482": _code(
            "Incomplete configuration of long-term memory",
            "Long-term memory is on only if all three options long-term-memory.mem0.* are set.",
            "Set the missing options, or remove the others.",
        ),
        "FA483": _code(
            "An agent section that Python cannot read",
            "An empty file, an empty agent: section, and an agent: section that is not a mapping raise AttributeError "
            "in the Python client.",
            "Write options below agent:, or remove the section.",
        ),
        "FA484": _code(
            "An option that is set twice",
            "It is set once nested and once with dots; their order decides which value is used.",
            "Keep one of the two.",
        ),
        "FA485": _code(
            "An option without a value",
            "Flink's own reader fails on a key without a value, below agent: too: neither the cluster nor a client "
            "program starts.",
            "Write a value, or remove the line.",
        ),
        "FA486": _code(
            "A key that resembles an option of Flink",
            "Flink silently ignores keys that no part of it reads: with checkpointing.interval instead of "
            "execution.checkpointing.interval a job runs without checkpoints.",
            "Correct the key.",
        ),
    }
)
