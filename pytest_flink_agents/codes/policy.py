"""Codes FA3xx: mistakes in a policy file.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_flink_agents.codes.entry import ErrorCode, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_code = partial(ErrorCode, Fault.POLICY)

CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "FA301": _code(
            "The policy file is not valid YAML",
            "A policy is one YAML document of at most 256 KiB, in the same small part of YAML as scenarios: no "
            "duplicate keys, anchors, aliases, tags or merge keys, so that a profile cannot mean something other than "
            "what it shows.",
            "Correct the line that the message names.",
            "tiers: *all   ->   tiers: [local, embedded]",
        ),
        "FA302": _code(
            "Unknown key in a policy",
            "Every key must be a word of the policy language: a mistyped rule would demand nothing. The message lists "
            "the keys of that place and the nearest one.",
            "Correct the key or remove it.",
            "requires: {tiers: [embedded]}   ->   require: {tiers: [embedded]}",
        ),
        "FA303": _code(
            "Wrong type or form of a value in a policy",
            "Values are never converted, and words are those that the message lists. A waiver ends at most 90 days "
            "ahead.",
            "Write the value in the form that the message expects.",
            "tiers: [embeded]   ->   tiers: [embedded]",
        ),
        "FA304": _code(
            "A required key of a policy is missing",
            "A policy needs version, default and profiles; a waiver needs scenario, reason, owner, until, and the "
            "failure that it waives.",
            "Add the key that the message names.",
            "waivers: [{scenario: s.scenario.yaml::refund, ...}]   ->   add owner, reason, until and check",
        ),
        "FA305": _code(
            "The profile does not exist",
            "--flink-profile, or the word default of the policy file, names a profile that the file does not have. "
            "Without a policy file there is only the profile default.",
            "Name a profile of the file, or add it there.",
            "--flink-profile=prod   ->   --flink-profile=production",
        ),
        "FA306": _code(
            "A waiver that every failure meets",
            "A waiver names one failure. A text that is part of every failure would waive failures that nobody knows.",
            "Name what only this failure says, such as its message.",
            'failure: {contains: "Error"}   ->   failure: {contains: "max retries reached"}',
        ),
        "FA307": _code(
            "The policy file cannot be read",
            "--flink-policy names a file that does not exist, is not a regular file, or may not be read. Without the "
            "option flink-agents-policy.yaml in pytest's root directory is read, if it exists.",
            "Correct the path.",
            "--flink-policy=policy.yml   ->   --flink-policy=flink-agents-policy.yaml",
        ),
    }
)
