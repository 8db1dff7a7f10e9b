"""The word ``network``: the addresses that an agent may reach.

Must never import: yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError

from pytest_flink_agents.scenario.mapping import SomeItems
from pytest_flink_agents.scenario.words import FORM, Address, has_form, value_error


def _network_form(value: Any) -> str | None:
    if isinstance(value, list):
        return FORM + "list"
    return FORM + "word" if value in ("closed", "open") else None


Network = Annotated[
    Annotated[Literal["closed", "open"], Tag(FORM + "word")] | Annotated[SomeItems[Address], Tag(FORM + "list")],
    Discriminator(_network_form),
    has_form(_network_form, "closed, open, or a list of host:port"),
]


# A value of the type ``Network``, or of a scenario without the word.
GivenNetwork = Literal["closed", "open"] | tuple[str, ...] | None


def read_network(value: Any) -> GivenNetwork:
    """Return the network that a Python test wrote; raise ValueError that names the first mistake."""
    if value is None:
        return None
    plain = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    try:
        network: GivenNetwork = TypeAdapter(Network, config=ConfigDict(strict=True)).validate_python(plain)
    except ValidationError as error:
        raise value_error("network", error) from None
    return network


def allowed_addresses(network: GivenNetwork, *, replaces: bool) -> tuple[str, ...] | None:
    """Return the addresses beside loopback that a run may reach, None for all.

    A run that ``replaces`` services must not reach the real ones, so it is closed by default.
    """
    if network is None:
        return () if replaces else None
    if network == "open":
        return None
    return () if network == "closed" else network
