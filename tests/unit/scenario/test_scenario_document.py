"""Strict YAML: values, places, refusals and limits."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from flink_testbed.core.clock import now_s
from pytest_flink_agents.scenario import reader
from pytest_flink_agents.scenario.document import Document, parse
from pytest_flink_agents.scenario.reader import DEPTH, FILE_BYTES, NODES


def one(text: str) -> Document:
    (document,), problems = parse(text.encode(), "x.yaml")
    assert problems == []
    return document


def refused(text: str | bytes) -> list[tuple[str, str, str]]:
    _, problems = parse(text.encode() if isinstance(text, str) else text, "x.yaml")
    return [(problem.where, problem.code, problem.message) for problem in problems]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("12:30:45", "12:30:45"),
        ("0123", "0123"),
        ("1_000", "1_000"),
        ("2027-01-31", "2027-01-31"),
        ("2.2.1", "2.2.1"),
        ("-", "-"),
        ('"7"', "7"),
        ("'true'", "true"),
        ("''", ""),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: Any) -> None:
    found = one(f"[{written}, z]" if written == "-" else f"a: {written}").value
    found = found["a"] if isinstance(found, dict) else found[0]
    assert (found, type(found)) == (value, type(value))


def test_several_documents_keep_their_places_in_the_file() -> None:
    documents, problems = parse(b"a: 1\n---\n# nothing\n---\nb: 2\n", "x.yaml")
    assert problems == []
    assert [(document.index, document.value) for document in documents] == [(0, {"a": 1}), (2, {"b": 2})]
    assert documents[1].mark(("b",)) == (5, 4)


def test_marks_count_characters_from_1() -> None:
    document = one("\ufeffé: 1\nlist:\n  - {k: [x, ü, y]}\n")
    assert document.mark(("é",)) == (1, 4)
    assert document.mark(("list", 0, "k", 2)) == (3, 16)
    assert document.mark(("list", 0, "k"), key=True) == (3, 6)
    assert document.mark(("list", 0, "absent")) == (3, 5)


def test_lines_are_those_of_the_node() -> None:
    text = "a:\n  b: |\n    one\n    two\n\n  # a remark\n  c: [1,\n    2]\n\nd: {}\n"
    document = one(text)
    assert document.lines(("a", "b")) == [(2, "  b: |"), (3, "    one"), (4, "    two")]
    assert document.lines(("a", "c")) == [(7, "  c: [1,"), (8, "    2]")]
    assert [number for number, _ in document.lines(("a",))] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert document.lines(("d",)) == [(10, "d: {}")]


def test_windows_line_ends_do_not_shift_places() -> None:
    document = one("a: 1\r\nb:\r\n  - 2\r\n")
    assert document.mark(("b", 0)) == (3, 5)
    assert document.lines(("b",)) == [(2, "b:"), (3, "  - 2")]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3:1", 'the key "a" occurs twice'),
        ("a: {k: 1, k: 2}", "x.yaml:1:11", 'the key "k" occurs twice'),
        ("a: &x {b: 1}", "x.yaml:1:4", "the anchor &x is not allowed"),
        ("a: &x 1", "x.yaml:1:4", "the anchor &x is not allowed"),
        ("? &x a\n: 1", "x.yaml:1:3", "the anchor &x is not allowed"),
        ("a: !!int 5", "x.yaml:1:4", "the tag tag:yaml.org,2002:int is not allowed"),
        ("a: !!python/object/apply:os.system [ls]", "x.yaml:1:4", None),
        ("a: !mine {b: 1}", "x.yaml:1:4", "the tag !mine is not allowed"),
        ("a: {<<: {b: 1}}", "x.yaml:1:5", "the merge key << is not allowed"),
        ("a: {1: x}", "x.yaml:1:5", "a key must be a string, not the number 1"),
        ("a: {true: x}", "x.yaml:1:5", "a key must be a string, not true"),
        ("? [a]\n: x", "x.yaml:1:3", "this is not valid YAML: a key that is not a string"),
        ("a: .nan", "x.yaml:1:4", ".nan is not a number that JSON can represent"),
        ("a: -.inf", "x.yaml:1:4", "-.inf is not a number that JSON can represent"),
        ("a: 1e999", "x.yaml:1:4", "1e999 is not a number that JSON can represent"),
        ("%TAG ! tag:x,2000:\n---\na: 1", "x.yaml:1:1", "this is not valid YAML: a directive (%)"),
        ("%YAML 1.1\n---\na: 1", "x.yaml:1:1", "this is not valid YAML: a directive (%)"),
    ],
)
def test_unsupported_yaml_is_one_problem_at_its_place(text: str, where: str, message: str | None) -> None:
    ((found_where, code, found_message),) = refused(text)
    assert (found_where, code) == (where, "FA201")
    assert message is None or found_message == message


def test_an_alias_is_refused_beside_its_anchor() -> None:
    assert refused("a: &x 1\nb: *x\n") == [
        ("x.yaml:1:4", "FA201", "the anchor &x is not allowed"),
        ("x.yaml:2:4", "FA201", "the alias *x is not allowed"),
    ]


def test_a_quoted_merge_key_is_text() -> None:
    assert one('{"<<": 1}').value == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "where", "next_step"),
    [
        ("a: 1\n  b: 2\n", "x.yaml:2:4", "check the indentation, and quote a string with a colon and a space in it"),
        ("a: x: y\n", "x.yaml:1:5", "check the indentation, and quote a string with a colon and a space in it"),
        ("a:\n\tb: 1\n", "x.yaml:2:1", "indent with spaces instead of tabs"),
        ("a: [1, 2\nb: 3\n", "x.yaml:2:2", "close every bracket and brace, with commas between the items"),
        ("a: @x\n", "x.yaml:1:4", "quote a string that begins with @"),
    ],
)
def test_broken_yaml_says_where_and_what_to_do(text: str, where: str, next_step: str) -> None:
    _, (problem,) = parse(text.encode(), "x.yaml")
    assert (problem.code, problem.where, problem.next_step) == ("FA201", where, next_step)


def test_documents_before_the_broken_one_are_kept() -> None:
    documents, problems = parse(b"a: 1\n---\nb: [\n", "x.yaml")
    assert [document.value for document in documents] == [{"a": 1}]
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("data", "where"),
    [(b"a: 1\nb: \xff\n", "x.yaml:2:4"), (b"a: 1\nb: x\x00\n", "x.yaml:2:5"), (b"a: \x1b[31m", "x.yaml:1:4")],
)
def test_bytes_that_are_not_text_are_refused_at_their_place(data: bytes, where: str) -> None:
    assert [found[:2] for found in refused(data)] == [(where, "FA201")]


def test_the_depth_limit_is_exact() -> None:
    assert one("[" * DEPTH + "]" * DEPTH).value
    assert refused("[" * (DEPTH + 1) + "]" * (DEPTH + 1)) == [
        (f"x.yaml:1:{DEPTH + 1}", "FA211", "too large for a scenario file: depth")
    ]


def test_the_node_limit_is_exact() -> None:
    allowed = "[" + "a," * (NODES - 1) + "]"
    assert len(one(allowed).value) == NODES - 1
    assert refused(allowed + "\n---\nb\n") == [("x.yaml:3:1", "FA211", "too large for a scenario file: nodes")]


def test_the_size_limit_is_exact() -> None:
    text = "#" * (FILE_BYTES - 5) + "\na: 1"
    assert one(text).value == {"a": 1}
    assert refused(text + " ") == [("x.yaml:1:1", "FA211", "too large for a scenario file: size")]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)),
        "[" * 3000,
        "{a: " * 3000,
        "- " * 3000,
        "[" * (FILE_BYTES - 1),
        "? " * 3000,
        "{" + ",".join(f"k{n}: 1" for n in range(25_000)) + "}",
        "a: 1\n" * 40_000,
        "a: " + "9" * 200_000,
        "a: 0x" + "f" * 200_000,
        "".join(f"&a{n} " for n in range(1000)),
        "a: " + "'" * 99_999,
        "---\n" * 50_000,
        "\n".join(" " * n + "a:" for n in range(600)),
    ],
    ids=[
        "billion laughs",
        "lists",
        "mappings",
        "block lists",
        "brackets only",
        "keys of keys",
        "many keys",
        "one key often",
        "long number",
        "long hex",
        "anchors",
        "quotes",
        "documents",
        "staircase",
    ],
)
def test_hostile_texts_are_refused_quickly(text: str) -> None:
    begun = now_s()
    documents, problems = parse(text.encode(), "x.yaml")
    assert documents == []
    assert problems
    assert now_s() - begun < 10


def test_the_pure_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'a: {b: [1, "2", ~]}\nc: |\n  x\n  y\n\nd: [1,\n 2]\n---\n- on\n- a: &x 1\n'
    fast = parse(text.encode(), "x.yaml")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert type(reader._parser("a")) is yaml.SafeLoader
    assert parse(text.encode(), "x.yaml") == fast


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_a_separator_of_lines_that_yaml_would_fold_is_refused(separator: str) -> None:
    """As a blank, an output with a blank would be as expected."""
    ((where, code, message),) = refused(f'a: 1\nb: "c{separator}d"')
    assert (where, code) == ("x.yaml:2:6", "FA201")
    assert message.endswith("a control character")
    assert one(f'b: "c\\u{ord(separator):04x}d"').value == {"b": f"c{separator}d"}
