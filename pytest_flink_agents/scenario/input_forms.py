"""The forms of the entries under ``inputs``, one class each.

Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag

from pytest_flink_agents.scenario.mapping import FORM, LanguageMapping
from pytest_flink_agents.scenario.words import JmesPath, NotEmpty, Package, has_form


class InlineInput(LanguageMapping):
    """One inline input."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"generate"})

    key: Any = Field(description="the key of the input")
    value: Any = Field(description="the input, any JSON value")


class _RecordInputs(LanguageMapping):
    key: JmesPath = Field(description="JMESPath to the key of a record")
    value: JmesPath | None = Field(None, description="JMESPath to the input in a record; default: the whole record")
    limit: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        None, description="maximum number of records; default: all"
    )


class FileInputs(_RecordInputs):
    """Inputs from a JSON-lines file of the project."""

    from_: NotEmpty = Field(alias="from", description="the JSON-lines file, relative to the scenario file")


class PackageInputs(_RecordInputs):
    """Inputs from a JSON-lines file inside a package.

    The package is installed or part of the project.
    """

    package: Package = Field(description="the package that contains the file, like shop.testdata")
    file: NotEmpty = Field(description="the JSON-lines file, relative to the package's directory")


def _input_form(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    if "from" in value:
        return FORM + "file"
    return FORM + ("package" if "package" in value or "file" in value else "inline")


Input = Annotated[
    Annotated[InlineInput, Tag(FORM + "inline")]
    | Annotated[FileInputs, Tag(FORM + "file")]
    | Annotated[PackageInputs, Tag(FORM + "package")],
    Discriminator(_input_form),
    has_form(_input_form, "{key, value}, {from: FILE, key: PATH} or {package, file, key}"),
]
