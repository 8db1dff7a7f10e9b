"""The versions and packages that shards were tested with, compared. Pure.

A shard knows only the parts that its own items used: a part is compared between the shards that have it, the packages
of a job environment between all shards that used it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pytest_flink_agents.cli.stored_session import StoredSession

_UNKNOWN = "not known"
# Every session records these: without them nothing says what the shard was tested with.
_ALWAYS = {"pytest-flink-agents": "pytest-flink-agents", "python": "pytest's Python"}
_PART = re.compile(r"(?P<owner>.+?) (?P<kind>package|engine upstream|jar) (?P<name>.+)")
_FACT = re.compile(r".+ (?P<kind>job environment|Java|engine|container engine)")
_LABEL = re.compile(r"-(?P<label>[\d.]+)\]$")
# Compared whole, shown by their first twelve digits.
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]+")
_SHOWN = 5


def other_versions(shards: Sequence[StoredSession]) -> Iterator[str]:
    """Yield each difference between the versions of the shards, with the value of each shard."""
    # One that did not end explains itself, and has no facts.
    shards = [shard for shard in shards if not shard.run.doubts]
    yield from _differences(shards, [_facts(shard) for shard in shards])
    groups = [_parts(shard) for shard in shards]
    for group in dict.fromkeys(name for each in groups for name in each):
        having = [(shard, each[group]) for shard, each in zip(shards, groups, strict=True) if group in each]
        names = sorted({name for _, parts in having for name in parts})
        # A package that only one of them has is a difference, too.
        whole = [{f"{group} {name}".strip(): parts.get(name, "none") for name in names} for _, parts in having]
        found = list(_differences([shard for shard, _ in having], whole))
        yield from found[:_SHOWN]
        if len(found) > _SHOWN:
            yield f"{len(found) - _SHOWN} more differences of {group}"


def _differences(shards: Sequence[StoredSession], values: Sequence[Mapping[str, str]]) -> Iterator[str]:
    for name in dict.fromkeys(name for each in values for name in each):
        found: dict[str, list[str]] = {}
        for shard, each in zip(shards, values, strict=True):
            if name in each:
                found.setdefault(each[name], []).append(str(shard.folder))
        if len(found) > 1:
            yield f"{name} differs: " + "; ".join(f"{_short(value)} in {', '.join(at)}" for value, at in found.items())
        elif _UNKNOWN in found:
            yield f"{name} is not known of {', '.join(found[_UNKNOWN])}"


def _short(value: str) -> str:
    return _DIGEST.sub(r"\1", value)


def _facts(shard: StoredSession) -> dict[str, str]:
    """Return the versions that a shard's report states, without what belongs to its machine."""
    environment = shard.environment
    facts = {shown: environment.get(name, _UNKNOWN) for name, shown in _ALWAYS.items()}
    for result in shard.run.results:
        if result.tier and (found := _LABEL.search(result.node_id)):
            # The newest release of a line depends on the table of the plugin.
            facts[f"Flink {found['label']}"] = result.flink_version
    for name, value in environment.items():
        if found := _FACT.fullmatch(name):
            facts[name] = _of_every_machine(found["kind"], value)
    return facts


def _of_every_machine(kind: str, value: str) -> str:
    """Return a fact without the place of a Java, the reason for an engine, and the version of a container engine."""
    if kind == "Java":
        return value.partition(" from ")[0]
    if kind == "engine":
        return value.partition(" ")[0]
    return value.partition(", image ")[2] if kind == "container engine" else value


def _parts(shard: StoredSession) -> dict[str, dict[str, str]]:
    """Return the digests of a shard's parts by group; the files of a group, such as packages, belong together."""
    groups: dict[str, dict[str, str]] = {}
    for name, digest in shard.identity.parts.items():
        found = None if name.startswith("plan of ") else _PART.fullmatch(name)
        whole = digest or _UNKNOWN
        if found is None:
            groups[name] = {"": whole}
        elif found["kind"] == "package":
            package, _, version = found["name"].rpartition("-")
            groups.setdefault(f"{found['owner']} package", {})[package] = f"{version} ({whole})"
        else:
            groups.setdefault(f"{found['owner']} {found['kind']}", {})[found["name"]] = whole
    return groups
