"""The forms of the entries under ``inputs``, one class each.

Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.json_lines import DATA_BYTES
from pytest_flink_agents.scenario.mapping import LanguageMapping
from pytest_flink_agents.scenario.words import FORM, JmesPath, NotEmpty, Package, has_form, wrong


class After(LanguageMapping):
    """The condition under which an input is sent."""

    output: Any = Field(description="matcher of an output of the same key; an output releases one input at most")


class InlineInput(LanguageMapping):
    """One inline input."""

    key: Any = Field(description="the key of the input")
    value: Any = Field(description="the input, any JSON value")
    after: After | None = Field(None, description="hold the input back until such an output has come; default: send it")


class _RecordInputs(LanguageMapping):
    key: JmesPath = Field(description="JMESPath to the key of a record")
    value: JmesPath | None = Field(None, description="JMESPath to the input in a record; default: the whole record")
    where: JmesPath | None = Field(
        None, description="JMESPath that finds something, and not false, in a record to take; default: all are taken"
    )
    limit: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        None, description="maximum number of records to take; default: all"
    )


class FileInputs(_RecordInputs):
    """Inputs from a JSON-lines or CSV file of the project.

    The first line of a `.csv` file names its columns; each row is a mapping of strings.
    """

    from_: NotEmpty = Field(alias="from", description="the JSON-lines or CSV file, relative to the scenario file")


class PackageInputs(_RecordInputs):
    """Inputs from a JSON-lines or CSV file inside a package.

    The package is installed or part of the project.
    """

    package: Package = Field(description="the package that contains the file, like shop.testdata")
    file: NotEmpty = Field(description="the JSON-lines or CSV file, relative to the package's directory")


class Generator(LanguageMapping):
    """A template and the number of inputs that it makes.

    `${input.number}`, `${input.key}` and `${input.random}` stand in `value`: the number of the input
    from 0, its key, and an integer from 0 to 999,999 that is drawn from `seed`.
    """

    count: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="number of inputs")
    keys: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="number of different keys: key-0, key-1, ...")
    value: Any = Field(description="template of the inputs, any JSON value")
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="draws the key of each input; without it, keys take turns"
    )

    @model_validator(mode="after")
    def _within_the_bound(self) -> Self:
        size = self.count * len(json.dumps(self.value))
        if size > DATA_BYTES:
            limit = f"at most {DATA_BYTES // 2**20} MiB of generated inputs"
            message = f"too much data: {self.count:,} inputs of {size // self.count:,} bytes"
            raise wrong(limit, message=message, code="FA211", next_step="lower count, or shorten value")
        return self


class GeneratedInputs(LanguageMapping):
    """Inputs that are made from a template."""

    generate: Generator = Field(description="the number of inputs and keys, and the template of a value")


def _input_form(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    if "from" in value:
        return FORM + "file"
    if "generate" in value:
        return FORM + "generate"
    return FORM + ("package" if "package" in value or "file" in value else "inline")


Input = Annotated[
    Annotated[InlineInput, Tag(FORM + "inline")]
    | Annotated[FileInputs, Tag(FORM + "file")]
    | Annotated[PackageInputs, Tag(FORM + "package")]
    | Annotated[GeneratedInputs, Tag(FORM + "generate")],
    Discriminator(_input_form),
    has_form(_input_form, "{key, value}, {from: FILE, key: PATH}, {package, file, key} or {generate}"),
]
