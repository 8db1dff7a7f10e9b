"""Validation of a document's value: a mapping of a language such as :class:`Scenario`, or its mistakes.

pydantic finds the errors; here they get a code, their place in the document, the nearest word and
the next step.
Must never import: yaml, pytest.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin

from pydantic import Tag, ValidationError

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.error import NOT_YET, DocumentPath, Mistake, describe, path_text, shorten
from pytest_flink_agents.scenario.mapping import LanguageMapping
from pytest_flink_agents.scenario.words import EXPECTED, FORM, WRONG

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.document import Document

_PydanticError = Mapping[str, Any]
_Language = type[LanguageMapping]
M = TypeVar("M", bound=LanguageMapping)

# Stands for the keys of a mapping whose keys the user chooses.
ANY_KEY = "*"
# pydantic's name for a key of a mapping that is wrong itself.
_KEY = "[key]"
# The likeness of two words, one of which has a letter more.
_ONE_LETTER = 0.85
# What follows the expectation of a wrong type, with the keys of the mapping that belongs there.
_OF_KEYS = {"tuple_type": " of mappings with ", "model_type": " with "}
_KEYS_SHOWN = 6
_LIMITS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}


def read_mapping(language: type[M], document: Document, value: Any) -> tuple[M | None, list[Mistake]]:
    """Return the mapping of a document's value, or None and its mistakes.

    ``language`` is the mapping of a whole document, such as a scenario.
    """
    try:
        return language.model_validate(value), []
    except ValidationError as error:
        # pydantic also reports a list with invalid items as too short; only an empty list is.
        errors = [one for one in error.errors(include_url=False) if one["type"] != "too_short" or not one["input"]]
        return None, _without_echoes([_mistake(one, document, language) for one in errors])


def _mistake(error: _PydanticError, document: Document, language: _Language) -> Mistake:
    loc: DocumentPath = error["loc"]
    kind: str = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind in ("extra_forbidden", "missing"):
        path, mapping = (*_without_forms(loc[:-1]), loc[-1]), _mapping_at(_shape(loc[:-1]), language)
        return _unknown_key(path, mapping, language) if kind == "extra_forbidden" else _missing_key(path, mapping)
    if loc[-1:] == (_KEY,):
        return dataclasses.replace(_mistake({**error, "loc": loc[:-1]}, document, language), at_key=True)
    path, value = _place_of(error)
    seen = describe(value)
    if isinstance(value, (int, float)) and (raw := document.raw(path)) and "${" not in raw:
        seen = shorten(raw)
    message = f"wrong value for {path_text(path)}" if path else f"not a {language.noun}"
    if kind == WRONG:
        code, next_step = context["code"], context["next_step"]
        if code == "FA204":
            message = f"a key is missing in {path_text(path) or f'the {language.noun}'}"
        return Mistake(code, path, context["message"] or message, context["expected"], seen, next_step)
    if kind == "literal_error":
        return _not_one_of(path, message, context["expected"], seen, value)
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        return Mistake("FA203", path, message, f"a number of {words} {context[limit]}", seen)
    is_bare = kind == "string_type" and isinstance(value, (int, float, bool))
    next_step = "quote it if it is meant as a string" if is_bare else ""
    expected = EXPECTED.get(kind) or str(error["msg"])
    if kind in _OF_KEYS and (keys := _keys_of_all_forms(_shape(path), language)):
        expected += _OF_KEYS[kind] + ", ".join([*keys[:_KEYS_SHOWN], *(["..."] if keys[_KEYS_SHOWN:] else [])])
    return Mistake("FA203", path, message, expected, seen, next_step)


def _place_of(error: _PydanticError) -> tuple[DocumentPath, Any]:
    """Return the path and the value of an error; a validator of a mapping may name a place below it."""
    path, value = _without_forms(error["loc"]), error["input"]
    for step in error.get("ctx", {}).get("at", ()):
        if not isinstance(value, Mapping) or step not in value:
            break
        path, value = (*path, step), value[step]
    return path, value


def _unknown_key(path: DocumentPath, model: _Language, language: _Language) -> Mistake:
    word = str(path[-1])
    known = _keys(model)
    if word in model.not_yet:
        next_step = "remove it, or use a version that supports it"
        return Mistake("FA205", path, f'"{word}" is {NOT_YET}', next_step=next_step, at_key=True)
    # Words that are not supported yet are no suggestions: they would be refused, too.
    near = nearest(word, known)
    inside = f" in {path_text(path[:-1])}" if len(path) > 1 else ""
    message = f'unknown key "{shorten(word)}"{inside}'
    meant = f'did you mean "{near}"?' if near else "correct it, or remove it"
    # A letter too many or too few is likelier than a word that is at home elsewhere.
    is_close = near is not None and difflib.SequenceMatcher(None, word, near).ratio() >= _ONE_LETTER
    next_step = meant if is_close else _belongs(word, language) or meant
    return Mistake("FA202", path, message, f"one of {', '.join(known)}", f'"{shorten(word)}"', next_step, at_key=True)


def _belongs(word: str, language: _Language) -> str:
    """Return the place of a word that exists elsewhere in the language.

    Empty if there is none.
    """
    places = {
        ".".join(step for step in shape if not step.startswith(FORM))
        for shape, model in _mappings(language).items()
        if word in _keys(model)
    }
    if not places:
        return ""
    nearest_top = min(places, key=lambda place: (place.count("."), place))
    return f"it belongs in {nearest_top}" if nearest_top else f"it belongs at the top level of the {language.noun}"


def _missing_key(path: DocumentPath, model: _Language) -> Mistake:
    word = str(path[-1])
    inside = f" in {path_text(path[:-1])}" if len(path) > 1 else ""
    return Mistake("FA204", path, f'missing key "{word}"{inside}', f"{word}: {_keys(model)[word]}")


def _not_one_of(path: DocumentPath, message: str, expected: str, seen: str, value: Any) -> Mistake:
    # pydantic lists the words as Python does: 'block', 'warn' or 'info'.
    words = expected.replace("'", '"').replace("True", "true")
    near = nearest(value, re.findall('"([^"]*)"', words)) if isinstance(value, str) else None
    return Mistake("FA203", path, message, words, seen, f'did you mean "{near}"?' if near else "")


def _without_echoes(mistakes: list[Mistake]) -> list[Mistake]:
    """Remove missing keys that another mistake of the mapping explains.

    That is a mistyped key or an unsupported word.
    """
    explained: set[DocumentPath] = set()
    not_yet = {mistake.path[:-1] for mistake in mistakes if mistake.code == "FA205" and mistake.at_key}
    missing = [mistake.path for mistake in mistakes if mistake.code == "FA204"]
    for mistake in mistakes:
        if mistake.code == "FA202":
            words = [str(path[-1]) for path in missing if path[:-1] == mistake.path[:-1]]
            near = nearest(str(mistake.path[-1]), words)
            explained |= {(*mistake.path[:-1], near)} if near else set()
    return [
        one for one in mistakes if one.code != "FA204" or (one.path not in explained and one.path[:-1] not in not_yet)
    ]


def _without_forms(loc: DocumentPath) -> DocumentPath:
    """Return a place of pydantic without the tags of forms."""
    return tuple(step for step in loc if not (isinstance(step, str) and step.startswith(FORM)))


def _shape(loc: DocumentPath) -> tuple[str, ...]:
    """Return a place without list positions.

    It identifies the mapping of the language there.
    """
    return tuple(step for step in loc if isinstance(step, str))


def _keys(model: _Language) -> dict[str, str]:
    """Return the keys of a mapping as written, with their descriptions."""
    return {field.alias or name: field.description or "" for name, field in model.model_fields.items()}


def _mapping_at(shape: tuple[str, ...], language: _Language) -> _Language:
    """Return the mapping of the language at the shape of a place."""
    return next(model for known, model in _mappings(language).items() if _fits(known, shape))


def _keys_of_all_forms(shape: tuple[str, ...], language: _Language) -> list[str]:
    """Return the keys of the mapping, or of the items of the list, at a shape without forms."""
    forms = (model for known, model in _mappings(language).items() if _fits(_shape(_without_forms(known)), shape))
    return list(dict.fromkeys(key for model in forms for key in _keys(model)))


def _fits(known: tuple[str, ...], shape: tuple[str, ...]) -> bool:
    return len(known) == len(shape) and all(one in (step, ANY_KEY) for one, step in zip(known, shape, strict=True))


@lru_cache(maxsize=2)
def _mappings(language: _Language) -> Mapping[tuple[str, ...], _Language]:
    """Return every mapping of the language by the shape of its places."""
    return dict(_mappings_below(language, ()))


def _mappings_below(kind: Any, shape: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Language]]:
    if isinstance(kind, type) and issubclass(kind, LanguageMapping):
        yield shape, kind
        for name, field in kind.model_fields.items():
            yield from _mappings_below(field.annotation, (*shape, field.alias or name))
        return
    if get_origin(kind) is dict:
        yield from _mappings_below(get_args(kind)[1], (*shape, ANY_KEY))
        return
    tags = [one.tag for one in get_args(kind)[1:] if isinstance(one, Tag)] if get_origin(kind) is Annotated else []
    for part in get_args(kind):
        yield from _mappings_below(part, (*shape, *tags))
