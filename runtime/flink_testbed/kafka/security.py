"""TLS and SASL settings of clients of an external Kafka, from a properties file.

The file has the names of librdkafka, with certificates as PEM files. A job's Java client needs others, which are derived:
certificates and keys go inline, so that no file has to exist on the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem, nearest

_FILES = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
_SECRETS = ("sasl.password", "ssl.key.password")
_NAMES = ("security.protocol", "sasl.mechanism", "sasl.username", *_SECRETS, *_FILES)
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
# Where Flink's SQL connector, which jobs of agents use, has Kafka's classes.
_LOGIN = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security"
_MODULES = {
    "PLAIN": f"{_LOGIN}.plain.PlainLoginModule",
    "SCRAM-SHA-256": f"{_LOGIN}.scram.ScramLoginModule",
    "SCRAM-SHA-512": f"{_LOGIN}.scram.ScramLoginModule",
}


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """The properties of this machine's clients and of a job's Java client.

    Neither is a part of ``repr()``. ``secrets`` are the values that no report may show, ``file`` is
    the properties file.
    """

    client: Mapping[str, str] = field(default_factory=dict, repr=False)
    job: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    file: Path | None = None


def read_security(file: Path) -> KafkaSecurity:
    """Read a properties file.

    Raises ``HostError`` FA421 with its line for an unknown name, a wrong value or a file that cannot be read. No error
    contains a value.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise _wrong(str(file), "the file cannot be read", "a properties file", str(reason)) from None
    given = dict(_lines(file, text))
    _require_sense(file, given)
    secrets = tuple(given[name] for name in _SECRETS if name in given)
    return KafkaSecurity(given, _java_properties(given), secrets, file)


def _lines(file: Path, text: str) -> Iterator[tuple[str, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(("#", "!")):
            continue
        name, separator, value = (part.strip() for part in line.partition("="))
        place = f"{file}:{number}"
        if not separator or not value:
            raise _wrong(place, "not a property", "NAME=VALUE", "a line without a value")
        if name not in _NAMES:
            near = nearest(name, _NAMES)
            step = f"did you mean {near}?" if near else ""
            raise _wrong(place, f"unknown property {name!r}", ", ".join(_NAMES), name, step)
        if name in _FILES:
            value = str(file.parent / value)
            if not Path(value).is_file():
                raise _wrong(place, f"{name} names no file", "a PEM file; relative paths start at this file", value)
        yield name, value


def _require_sense(file: Path, given: Mapping[str, str]) -> None:
    protocol = given.get("security.protocol", "")
    if protocol not in _PROTOCOLS:
        raise _wrong(str(file), "security.protocol is missing or unknown", ", ".join(_PROTOCOLS), protocol or "none")
    needed = ["sasl.mechanism", "sasl.username", "sasl.password"] if protocol.startswith("SASL") else []
    if "ssl.certificate.location" in given:
        needed.append("ssl.key.location")
    absent = [name for name in needed if name not in given]
    if absent:
        raise _wrong(str(file), f"{protocol} needs {', '.join(absent)}", ", ".join(needed), "some are missing")
    mechanism = given.get("sasl.mechanism", "PLAIN")
    if mechanism not in _MODULES:
        raise _wrong(str(file), "unknown sasl.mechanism", ", ".join(_MODULES), mechanism)


def _java_properties(given: Mapping[str, str]) -> dict[str, str]:
    found = {"security.protocol": given["security.protocol"]}
    if given["security.protocol"].startswith("SASL"):
        mechanism = given["sasl.mechanism"]
        user, password = (_quoted(given[f"sasl.{name}"]) for name in ("username", "password"))
        login = f"{_MODULES[mechanism]} required username={user} password={password};"
        found |= {"sasl.mechanism": mechanism, "sasl.jaas.config": login}
    if "ssl.ca.location" in given:
        authorities = Path(given["ssl.ca.location"]).read_text(encoding="utf-8")
        found |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": authorities}
    if "ssl.certificate.location" in given:
        chain, key = (
            Path(given[f"ssl.{name}.location"]).read_text(encoding="utf-8") for name in ("certificate", "key")
        )
        found |= {"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": chain, "ssl.keystore.key": key}
        if "ssl.key.password" in given:
            found["ssl.key.password"] = given["ssl.key.password"]
    return found


def _quoted(value: str) -> str:
    """Return a value in the notation of JAAS."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _wrong(where: str, message: str, expected: str, seen: str, next_step: str = "") -> HostError:
    return HostError(Problem("FA421", message, where, expected, seen, next_step))
