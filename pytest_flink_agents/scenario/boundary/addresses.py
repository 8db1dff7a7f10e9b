"""Addresses off this machine that a scenario's resources and its model's endpoint name.

A scenario file is data, and naming an address is enough to send an agent's data there. So
``network`` must allow it, where a reviewer of the file sees it.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.boundary.resource_classes import PYTHON_CLASSES
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, path_text, shorten

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_OPEN = "open"


def address_mistakes(value: Any) -> Iterator[Mistake]:
    """Yield the addresses in a document's resources and of its model that its ``network`` does not allow.

    Only literal addresses are checked: the ini file allows the variables of ``${env.NAME}``, and all
    other placeholders are services on loopback. An agent file belongs to the project, so its
    addresses are left to the limit of the run.
    """
    network = value.get("network") if isinstance(value, dict) else None
    if network == _OPEN:
        return
    allowed = [text.lower() for text in network if isinstance(text, str)] if isinstance(network, list) else []
    for path, address in _addresses(value):
        if address in allowed or is_loopback(address):
            continue
        near = nearest(address, allowed)
        next_step = f'did you mean "{near}"? Otherwise add ' if near else "replace it by a placeholder, or write "
        shown = shorten(address)
        yield Mistake(
            "FA219",
            path,
            f"{path_text(path)} leaves this machine",
            f"loopback, or an address in network: {', '.join(map(shorten, allowed)) or 'none'}",
            shown,
            f'{next_step}network: ["{shown}"]' if not near else f'{next_step}"{shown}" to network',
        )


def _addresses(value: Any) -> Iterator[tuple[DocumentPath, str]]:
    """Yield place and ``host:port`` of every literal address of a resource class, and of the model's endpoint."""
    llm = value.get("llm") if isinstance(value, dict) else None
    endpoint = llm.get("endpoint") if isinstance(llm, dict) else None
    url = endpoint.get("url") if isinstance(endpoint, dict) else None
    if isinstance(endpoint, dict) and isinstance(url, str) and (address := _address("url", url, endpoint)):
        yield ("llm", "endpoint", "url"), address
    resources = value.get("resources") if isinstance(value, dict) else None
    for section in PYTHON_CLASSES:
        listed = resources.get(section) if isinstance(resources, dict) else None
        for index, resource in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(resource, Mapping):
                continue
            for word, text in resource.items():
                path: DocumentPath = ("resources", section, index, word)
                if isinstance(text, str) and (address := _address(word, text, resource)):
                    yield path, address


def _address(word: str, text: str, resource: Mapping[str, Any]) -> str:
    """Return the address in an argument, empty if it has none or its host is a placeholder.

    Any argument may be a URL, as classes of the project name theirs as they like.
    """
    if word == "host":
        host, port = text, resource.get("port")
    elif "://" in text:
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme.lower())
        except ValueError:
            # A wrong port or bracket: the client will refuse it, but not this check decides that.
            host, port = text.partition("://")[2].partition("/")[0], None
    else:
        return ""
    if not host or host.startswith("${"):
        return ""
    host = host.lower()
    return f"[{host}]:{port or 'PORT'}" if ":" in host else f"{host}:{port or 'PORT'}"


def is_loopback(address: str) -> bool:
    """Return whether ``host:port`` is on this machine."""
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
