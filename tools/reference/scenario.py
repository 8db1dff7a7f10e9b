"""Generate the page of the scenario language: every word with its type, default, meaning and a valid example."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from pytest_flink_agents.scenario.model import Scenario
from pytest_flink_agents.scenario.placeholders import SECTIONS
from pytest_flink_agents.scenario.schema import json_schema
from tools.reference.examples import example_at, plain_scenarios
from tools.reference.markdown import code, page, plain, sentence, table

_NAMES = {"string": "string", "integer": "integer", "number": "number", "boolean": "Boolean", "object": "mapping"}
Schema = Mapping[str, Any]
Path = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """One mapping of the language at a place: ``path`` are the words that lead to it, ``[]`` for the items of a list."""

    path: Path
    name: str
    schema: Schema
    model: type[BaseModel]

    @property
    def title(self) -> str:
        """The place in words, with the mapping's own required words if several forms share it."""
        place = "".join(part if part == "[]" else f".{part}" for part in self.path).lstrip(".")
        return place or "Top level"


def scenario_page() -> str:
    """Return the page."""
    parts = [
        "A scenario is one YAML document. `flink-agents-gate schema` prints the JSON Schema that this page is made of; "
        "[Write scenarios](../how-to/scenario.md) shows how the words work together. Keys and values under "
        "`expect.outputs` are [matchers](matchers.md). A duration is a number with its unit: `500ms`, `2s` or `1m`.",
        f"`${{...}}` in a string under {', '.join(map(code, SECTIONS))} is a placeholder: `${{llm.ollama_url}}`, "
        "`${llm.openai_url}` and `${llm.anthropic_url}` are addresses of the scripted model, `${env.NAME}` is an "
        "environment variable that the ini option `flink_scenario_env` allows, and "
        "[a job](../how-to/own-job.md#read-inputs-and-write-outputs) has more. Write `$${` for a literal `${`.",
    ]
    parts += language_parts(sections_of_language(), plain_scenarios())
    return page("Scenario language", *parts)


def language_parts(sections: Iterable[Section], examples: Sequence[Any]) -> list[str]:
    """Return the parts of a page on the mappings of a language; ``examples`` are valid documents in it."""
    listed = list(sections)
    shared = [one.path for one in listed]
    return [part for one in listed for part in _section(one, examples, has_forms=shared.count(one.path) > 1)]


def sections_of_language(language: type[BaseModel] = Scenario, schema: Schema | None = None) -> Iterator[Section]:
    """Yield every mapping of a language, each at the first place where it occurs."""
    schema = schema or json_schema()
    models = {model.__name__: model for model in _models(language)}
    waiting: list[tuple[Path, str, Schema]] = [((), language.__name__, schema)]
    seen = set()
    while waiting:
        path, name, here = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        yield Section(path, name, here, models[name])
        inner = [
            ((*path, word, *steps), ref, schema["$defs"][ref])
            for word, described in here["properties"].items()
            for steps, ref in _references(described)
            # A matcher is no mapping of the language; it has a page of its own.
            if ref in models
        ]
        waiting = inner + waiting


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield the model and every model in the types of its fields."""
    yield model
    for field in model.model_fields.values():
        for inner in _classes(field.annotation):
            yield from _models(inner)


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes(argument)


def _references(schema: Schema) -> Iterator[tuple[Path, str]]:
    """Yield the mappings that a value may be: the steps to them below the word, and their names."""
    if "$ref" in schema:
        yield (), schema["$ref"].rpartition("/")[2]
    for form in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _references(form)
    if isinstance(schema.get("additionalProperties"), dict):
        for steps, name in _references(schema["additionalProperties"]):
            yield ("*", *steps), name
    if "items" in schema:
        for steps, name in _references(schema["items"]):
            yield ("[]", *steps), name


def _section(section: Section, examples: Sequence[Any], *, has_forms: bool) -> list[str]:
    required = section.schema.get("required", ())
    named = [code(word) for word in required if word != "key"]
    form = f" with {' and '.join(named)}" if has_forms and named else ""
    anchor = "-".join(part for part in section.path if part != "[]") + (f"-{section.name.lower()}" if has_forms else "")
    rows = [
        _row(section, word, described, examples, required=word in required)
        for word, described in section.schema["properties"].items()
    ]
    parts = [f"## {code(section.title) if section.path else section.title}{form} {{#{anchor or 'top-level'}}}"]
    described = plain(section.model.__doc__ or "").strip()
    parts += [described] if described else []
    parts.append(table(("word", "type", "default", "meaning", "example"), rows))
    not_yet = sorted(getattr(section.model, "not_yet", ()))
    if not_yet:
        parts.append(f"Not supported yet, and refused by name: {', '.join(map(code, not_yet))}.")
    return parts


def _row(
    section: Section, word: str, schema: Schema, examples: Sequence[Any], *, required: bool
) -> tuple[str, str, str, str, str]:
    default = "required" if required else _default(schema)
    example = example_at((*section.path, word), section.schema, examples)
    return code(word), _type(schema), default, sentence(plain(schema.get("description", ""))), code(example)


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None or value in ([], "") or isinstance(value, dict):
        return "none"
    if isinstance(value, float) and "pattern" in json.dumps(schema):
        return code(f"{value:g}s")
    return code(str(value))


def _type(schema: Schema) -> str:
    """Return a type in words."""
    forms = [form for form in (*schema.get("anyOf", ()), *schema.get("oneOf", ())) if form.get("type") != "null"]
    if forms:
        return " or ".join(dict.fromkeys(_type(form) for form in forms))
    if "$ref" in schema:
        return "[matcher](matchers.md)" if schema["$ref"].endswith("/Matcher") else "mapping"
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return " or ".join(code(str(word)) for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_plural(_type(schema['items']))}" if schema.get("items") else "list"
    if "pattern" in schema:
        return "duration"
    kind = _NAMES.get(schema.get("type", ""), "any JSON value")
    bounds = [f"from {schema['minimum']}"] if "minimum" in schema else []
    bounds += [f"to {schema['maximum']}"] if "maximum" in schema else []
    return " ".join([kind, *bounds])


def _plural(kind: str) -> str:
    return {"any JSON value": "JSON values"}.get(kind, kind if kind.startswith("`") else f"{kind}s")
