"""Inputs of all forms, and the limits of data files and expressions."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.scenario import inputs
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.expressions import compile_expression
from pytest_flink_agents.scenario.inputs import resolve_inputs
from pytest_flink_agents.scenario.json_lines import LINE_BYTES, DataBudget, numbered_lines
from pytest_flink_agents.scenario.load import LoadedScenario

if TYPE_CHECKING:
    from pathlib import Path

Load: TypeAlias = Callable[..., LoadedScenario]
Resolve: TypeAlias = Callable[..., list[dict[str, Any]]]

ORDERS = b'{"order": {"id": "o-1"}, "n": 1}\n\n{"order": {"id": "o-2"}, "n": 0}\n{"order": {"id": 3}, "n": false}\n'


@pytest.fixture
def resolve(tmp_path: Path, load: Load, sound: str) -> Resolve:
    """The inputs of a scenario with this one entry under ``inputs``, and this data in ``data.jsonl``."""

    def resolve_entry(entry: str, data: bytes = ORDERS, roots: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
        (tmp_path / "data.jsonl").write_bytes(data)
        loaded = load(sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', entry))
        return list(resolve_inputs(loaded, roots))

    return resolve_entry


def refused(resolve: Resolve, entry: str, data: bytes) -> list[tuple[str, str, str]]:
    with pytest.raises(ScenarioError) as caught:
        resolve(entry, data)
    return [(problem.where, problem.code, problem.seen) for problem in caught.value.problems]


def test_inline_inputs_are_unchanged(resolve: Resolve) -> None:
    assert resolve("{key: 7, value: [a, {b: null}]}\n  - {key: x, value: null}") == [
        {"key": 7, "value": ["a", {"b": None}]},
        {"key": "x", "value": None},
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{from: data.jsonl, key: order.id, value: n}", [("o-1", 1), ("o-2", 0), (3, False)]),
        ("{from: data.jsonl, key: order.id, value: n, limit: 2}", [("o-1", 1), ("o-2", 0)]),
        ("{from: data.jsonl, key: n, value: 'order.{i: id}', limit: 1}", [(1, {"i": "o-1"})]),
        ("{from: data.jsonl, key: n, limit: 1}", [(1, {"order": {"id": "o-1"}, "n": 1})]),
        ("{from: data.jsonl, key: order.id, value: n, where: 'n == `0`', limit: 1}", [("o-2", 0)]),
    ],
)
def test_records_of_a_file_become_inputs(entry: str, expected: list[tuple[object, object]], resolve: Resolve) -> None:
    assert [(one["key"], one["value"]) for one in resolve(entry)] == expected


def test_a_limit_stops_before_bad_lines(resolve: Resolve) -> None:
    assert resolve("{from: data.jsonl, key: k, limit: 1}", b'{"k": 1}\n{oops\n') == [{"key": 1, "value": {"k": 1}}]


def test_records_that_are_not_taken_need_no_key(resolve: Resolve) -> None:
    events = b'{"type": "a"}\n{"type": "b", "k": 1}\n'
    assert resolve("{from: data.jsonl, key: k, where: \"type == 'b'\"}", events) == [
        {"key": 1, "value": {"type": "b", "k": 1}}
    ]
    with pytest.raises(ScenarioError, match="no record of the data file is taken"):
        resolve("{from: data.jsonl, key: k, where: type.x}", events)


def test_a_mask_changes_keys_and_values_of_data_files(tmp_path: Path, load: Load, sound: str) -> None:
    (tmp_path / "data.jsonl").write_bytes(b'{"k": "s3cr3t", "v": {"s3cr3t": ["s3cr3t"]}}\n')
    entry = '{from: data.jsonl, key: k, value: v}\n  - {key: "s3cr3t", value: 1}'
    loaded = load(sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', entry))
    mask = Redactor({"API_TOKEN": "s3cr3t"}).data
    assert list(resolve_inputs(loaded, (), mask)) == [
        {"key": "***", "value": {"***": ["***"]}},
        {"key": "s3cr3t", "value": 1},
    ]


def test_placeholders_in_data_files_are_not_replaced(resolve: Resolve) -> None:
    assert resolve("{from: data.jsonl, key: k}", b'{"k": "${env.HOME} $${x}"}') == [
        {"key": "${env.HOME} $${x}", "value": {"k": "${env.HOME} $${x}"}}
    ]


@pytest.mark.parametrize(
    ("data", "where", "seen"),
    [
        (b'{"k": 1}\n\n{"k": 2,}\n', "data.jsonl:3:1", "Expecting property name enclosed in double quotes"),
        (b'{"k": NaN}\n', "data.jsonl:1:1", "NaN is not JSON"),
        (b'{"n": 1}\n', "data.jsonl:1:1", "a mapping of n"),
        (b'{"k": null}\n', "data.jsonl:1:1", "a mapping of k"),
        (b'{"k": 1}\n"\xff"\n', "data.jsonl:2:1", "the byte 0xff"),
        (b'{"k": ' + b"[" * 100_000 + b"\n", "data.jsonl:1:1", ""),
    ],
)
def test_bad_lines_are_reported_with_file_and_line(data: bytes, where: str, seen: str, resolve: Resolve) -> None:
    ((found_where, code, found_seen),) = refused(resolve, "{from: data.jsonl, key: k}", data)
    assert (found_where, code) == (where, "FA212")
    assert found_seen.startswith(seen)


def test_bad_lines_are_reported_together(resolve: Resolve) -> None:
    found = refused(resolve, "{from: data.jsonl, key: k}", b"oops\n" * 30)
    assert [where for where, _, _ in found] == [f"data.jsonl:{number}:1" for number in range(1, 21)]


def test_a_value_path_that_finds_nothing_is_a_problem(resolve: Resolve) -> None:
    assert refused(resolve, "{from: data.jsonl, key: n, value: ordr}", b'{"n": 1}\n')[0][1] == "FA212"


def test_a_path_that_cannot_be_applied_is_a_problem(resolve: Resolve) -> None:
    assert refused(resolve, "{from: data.jsonl, key: length(n)}", b'{"n": 1}\n')[0][:2] == ("data.jsonl:1:1", "FA212")


def test_an_empty_file_is_a_problem(resolve: Resolve) -> None:
    assert refused(resolve, "{from: data.jsonl, key: k}", b"\n\n") == [("data.jsonl", "FA212", "")]


def test_reading_is_bounded(resolve: Resolve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "DataBudget", lambda: DataBudget(18))
    assert len(resolve("{from: data.jsonl, key: k}", b'{"k": 1}\n' * 2)) == 2
    assert refused(resolve, "{from: data.jsonl, key: k}", b'{"k": 1}\n' * 3) == [("data.jsonl:3", "FA211", "more")]
    assert len(resolve("{from: data.jsonl, key: k, limit: 1}", b'{"k": 1}\n' * 3)) == 1
    both = "{from: data.jsonl, key: k, limit: 2}\n  - {from: data.jsonl, key: k}"
    assert refused(resolve, both, b'{"k": 1}\n' * 2) == [("data.jsonl:1", "FA211", "more")]


def test_a_long_line_is_refused_without_reading_it_all(resolve: Resolve) -> None:
    data = b'{"k": 1}\n{"k": "' + b"x" * (3 * LINE_BYTES) + b'"}\n'
    assert refused(resolve, "{from: data.jsonl, key: k}", data) == [("data.jsonl:2", "FA211", "more")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"k": 1, "k": 2}', 'the key "k" occurs twice'),
        ('{"k": {"a": 1, "a": 1}}', 'the key "a" occurs twice'),
        ('{"k": NaN}', "NaN is not JSON"),
        ('{"k": -Infinity}', "-Infinity is not JSON"),
        ('{"k": 1e999}', "a number that is too large or too long: 1e999"),
        ('{"k": ' + "9" * 5000 + "}", "a number of 5000 digits, at most 100 are allowed"),
        ('{"k": ' + "0." + "1" * 5000 + "}", "a number that is too large or too long: 0.1"),
        ('{"k": ' + "[" * 40 + "]" * 40 + "}", "it nests deeper than 32 levels"),
        ('{"k": ' + "[" * 1000 + "]" * 1000 + "}", "it nests deeper than 32 levels"),
        ('{"k": ' + "[" * 100_000 + "]" * 100_000 + "}", "it nests deeper than 32 levels"),
        ("[" * 100_000, "it nests deeper than 32 levels"),
    ],
)
def test_json_that_parsers_read_differently_or_slowly_is_refused(line: str, reason: str, resolve: Resolve) -> None:
    ((where, code, seen),) = refused(resolve, "{from: data.jsonl, key: k}", b'{"k": 1}\n' + line.encode())
    assert (where, code) == ("data.jsonl:2:1", "FA212")
    assert reason in seen


def test_a_line_as_deep_as_allowed_is_read(resolve: Resolve) -> None:
    value = "[" * 31 + "]" * 31
    assert resolve("{from: data.jsonl, key: k, value: n}", f'{{"k": "[[[[", "n": {value}}}'.encode())


def test_a_fifo_as_input_data_does_not_hang(tmp_path: Path, load: Load, sound: str) -> None:
    os.mkfifo(tmp_path / "data.jsonl")
    text = sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', "{from: data.jsonl, key: k}")
    with pytest.raises(ScenarioError, match=r"5:12: FA206: data\.jsonl is not a regular file"):
        load(text)


def test_a_fifo_that_replaces_the_data_after_loading_does_not_hang(tmp_path: Path, resolve: Resolve) -> None:
    file = tmp_path / "fifo"
    os.mkfifo(file)
    with pytest.raises(ScenarioError, match="FA206: the data file cannot be read"):
        list(numbered_lines(file, "fifo", DataBudget()))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("!" * 400 + "a", "it nests deeper than 32 levels"),
        ("[@, @] | " * 20 + "a", "its result can be more than 32 times as large as the record"),
        ("[*].[@, @][] | " * 6 + "a", "its result can be more than 32 times as large as the record"),
        ("to_string(" * 6 + "@" + ")" * 6, "its result can be more than 32 times as large as the record"),
        ("join(',', [a, a, a, a, a, a, a, a, a, a, a, a])", "its result can be more than 32 times"),
        ("a" * 501, "it has 501 characters, at most 500 are allowed"),
        ("a.", "it does not parse"),
    ],
)
def test_an_expression_that_grows_without_bound_is_refused(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compile_expression(path)


@pytest.mark.parametrize(
    "path", ["order.id", "order.items[0].sku", "join('-', [a, b])", "items[?price > `5`].sku | [0]", "{a: b, c: d}"]
)
def test_expressions_that_people_write_are_accepted(path: str) -> None:
    assert compile_expression(path)


def package(root: Path, name: str, data: str) -> Path:
    folder = root / "shop" / "testdata"
    folder.mkdir(parents=True)
    (folder / name).write_text(data)
    return folder


def test_a_package_is_looked_up_in_order(tmp_path: Path, resolve: Resolve) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    package(first, "other.jsonl", '{"k": 1}')
    package(second, "a.jsonl", '{"k": 2}')
    package(third, "a.jsonl", '{"k": 3}')
    entry = "{package: shop.testdata, file: a.jsonl, key: k}"
    assert [one["key"] for one in resolve(entry, roots=(first, second, third))] == [2]


def test_a_missing_package_says_where_it_looked(tmp_path: Path, resolve: Resolve) -> None:
    package(tmp_path / "one", "b.jsonl", "")
    (tmp_path / "two").mkdir()
    with pytest.raises(ScenarioError) as caught:
        resolve("{package: shop.testdata, file: a.jsonl, key: k}", roots=(tmp_path / "one", tmp_path / "two"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("FA206", "x.scenario.yaml:5:36")
    assert problem.seen == (f"{tmp_path}/one/shop/testdata: no file a.jsonl; {tmp_path}/two has no shop/testdata/")


@pytest.mark.parametrize("file", ["../secret.jsonl", "/etc/passwd", "link.jsonl"])
def test_a_package_file_stays_in_its_package(file: str, tmp_path: Path, resolve: Resolve) -> None:
    folder = package(tmp_path / "one", "a.jsonl", "")
    (folder.parent / "secret.jsonl").write_text('{"k": 1}')
    (folder / "link.jsonl").symlink_to(folder.parent / "secret.jsonl")
    with pytest.raises(ScenarioError, match="FA206"):
        resolve(f"{{package: shop.testdata, file: {file}, key: k}}", roots=(tmp_path / "one",))


@pytest.mark.parametrize("name", ["../shop", "shop/testdata", "shop..testdata", ".", "''", "x" * 5000])
def test_a_package_is_a_dotted_name(name: str, tmp_path: Path, load: Load, sound: str) -> None:
    entry = f"{{package: {name}, file: a, key: k}}"
    with pytest.raises(ScenarioError, match=r"FA203: wrong value for inputs\[0\].package"):
        load(sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', entry))


@pytest.mark.parametrize("path", ["a[", "''(", "nosuch(a)", ""])
def test_a_path_into_data_is_checked_at_load(path: str, load: Load, sound: str) -> None:
    text = sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', f'{{from: x.scenario.yaml, key: "{path}"}}')
    with pytest.raises(ScenarioError, match=r"FA203: wrong value for inputs\[0\].key"):
        load(text)


GENERATE = (
    "{generate: {count: 5, keys: 2, value: {order: 'o-${input.number}', of: '${input.key}', n: '${input.number}'}}}"
)


def test_generated_inputs_fill_in_number_and_key(resolve: Resolve) -> None:
    assert resolve("{key: k, value: 0}\n  - " + GENERATE)[1:4] == [
        {"key": "key-0", "value": {"order": "o-1", "of": "key-0", "n": 1}},
        {"key": "key-1", "value": {"order": "o-2", "of": "key-1", "n": 2}},
        {"key": "key-0", "value": {"order": "o-3", "of": "key-0", "n": 3}},
    ]


def test_a_string_that_begins_and_ends_with_a_placeholder_is_filled_in(resolve: Resolve) -> None:
    generate = "{count: 1, keys: 1, value: '${input.key}-${input.number}'}"
    assert resolve(f"{{generate: {generate}}}") == [{"key": "key-0", "value": "key-0-0"}]


def test_a_seed_draws_keys_and_numbers_repeatably(resolve: Resolve) -> None:
    def drawn(seed: int) -> list[dict[str, Any]]:
        value = "['${input.random}', '${input.random}']"
        return resolve(f"{{generate: {{count: 200, keys: 3, value: {value}, seed: {seed}}}}}")

    keys = [one["key"] for one in drawn(7)]
    assert drawn(7) == drawn(7) != drawn(8)
    assert set(keys) == {"key-0", "key-1", "key-2"}
    assert keys[:9] != ["key-0", "key-1", "key-2"] * 3
    values = [one["value"] for one in drawn(7)]
    assert all(isinstance(first, int) and 0 <= first < 1_000_000 and first == again for first, again in values)
    assert len({first for first, _ in values}) > 190


def test_a_million_generated_inputs_are_not_stored(load: Load, sound: str) -> None:
    entry = "{generate: {count: 1000000, keys: 100, value: {n: '${input.number}'}}}"
    loaded = load(sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', entry))
    tracemalloc.start()
    found = resolve_inputs(loaded, ())
    assert len(found) == 1_000_000
    assert found[-1] == {"key": "key-99", "value": {"n": 999_999}}
    assert [one["value"]["n"] for one in found[10:12]] == [10, 11]
    assert sum(1 for _ in islice(found, 10_000)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


@pytest.mark.parametrize(
    ("generate", "code", "words"),
    [
        ("{count: 0, keys: 1, value: 1}", "FA203", "a number of at least 1"),
        ("{count: 1000001, keys: 1, value: 1}", "FA203", "a number of at most 1000000"),
        ("{count: 10, value: 1}", "FA204", 'missing key "keys"'),
        ("{count: 10, keys: 1, value: 1, sed: 3}", "FA202", 'did you mean "seed"?'),
        ("{count: 1000000, keys: 1, value: " + "x" * 100 + "}", "FA211", "at most 64 MiB of generated inputs"),
        ("{count: 10, keys: 1, value: '${input.numbr}'}", "FA210", "did you mean ${input.number}?"),
        ("{count: 10, keys: 1, value: '$input.number'}", "FA210", "write ${input.number}"),
        ("{count: 10, keys: 1, value: '${env.A}'}", "FA210", "one of input.number, input.key, input.random"),
    ],
)
def test_a_wrong_generator_is_refused(generate: str, code: str, words: str, load: Load, sound: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', f"{{generate: {generate}}}"))
    (problem,) = caught.value.problems
    assert problem.code == code
    assert words in problem.render()
    assert problem.where.startswith("x.scenario.yaml:5:")


def test_a_literal_placeholder_in_a_template_stays_literal(resolve: Resolve) -> None:
    generate = "{count: 1, keys: 1, value: {'$${input.key}': '$${input.number} of ${input.key}'}}"
    assert resolve(f"{{generate: {generate}}}") == [
        {"key": "key-0", "value": {"${input.key}": "${input.number} of key-0"}}
    ]


ROWS = b'\xef\xbb\xbforder_id,amount,"note"\r\no-1,20,"two\nlines"\r\n\r\no-2,7,"a, ""b"""\r\n'


def test_rows_of_a_csv_file_become_inputs(resolve: Resolve, tmp_path: Path) -> None:
    (tmp_path / "orders.CSV").write_bytes(ROWS)
    assert resolve("{from: orders.CSV, key: order_id}") == [
        {"key": "o-1", "value": {"order_id": "o-1", "amount": "20", "note": "two\nlines"}},
        {"key": "o-2", "value": {"order_id": "o-2", "amount": "7", "note": 'a, "b"'}},
    ]
    assert resolve("{from: orders.CSV, key: order_id, value: to_number(amount), limit: 1}") == [
        {"key": "o-1", "value": 20}
    ]


@pytest.mark.parametrize(
    ("entry", "rendered"),
    [
        (
            "{from: a.csv, key: orderid}",
            "x.scenario.yaml:5:24: FA212: no column orderid in a.csv\n  expected: order_id, amount, note\n"
            '  seen:     orderid\n  next:     did you mean "order_id"?',
        ),
        ("{from: a.csv, key: order_id, value: '{n: amount}'}", ""),
        ("{from: a.csv, key: order_id, value: price}", "x.scenario.yaml:5:41: FA212: no column price in a.csv"),
        ("{from: empty.csv, key: k}", "x.scenario.yaml:5:28: FA212: no column k in empty.csv"),
        ("{from: twice.csv, key: a}", "x.scenario.yaml:5:12: FA212: twice.csv:1:1: the header does not name every"),
    ],
)
def test_the_header_of_a_csv_file_is_checked_at_load(
    entry: str, rendered: str, load: Load, sound: str, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(ROWS)
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "twice.csv").write_bytes(b"a,b,a\n1,2,3\n")
    text = sound.replace('{key: "c-1", value: {order: "o-1", amount: 20}}', entry)
    if not rendered:
        assert load(text)
        return
    with pytest.raises(ScenarioError) as caught:
        load(text)
    assert caught.value.problems[0].render().startswith(rendered)


@pytest.mark.parametrize(
    ("rows", "where", "seen"),
    [
        (b"k,v\na,1\nb\n", "a.csv:3:1", "1 cells"),
        (b'k,v\n"x\ny",1\nb,2,3\n', "a.csv:4:1", "3 cells"),
        (b'k,v\na,"1\n', "a.csv:2:1", "unexpected end of data"),
        (b'k,v\na,"1"x\n', "a.csv:2:1", "',' expected after '\"'"),
        (b"k,v\n\xff,1\n", "a.csv:2:1", "the byte 0xff"),
    ],
)
def test_a_wrong_row_is_reported_with_its_line(
    rows: bytes, where: str, seen: str, resolve: Resolve, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(rows)
    ((found, code, text),) = refused(resolve, "{from: a.csv, key: k}", b"")
    assert (found, code) == (where, "FA212")
    assert seen in text


FIRST = '  - {key: "c-1", value: {order: "o-1", amount: 20}}'


def with_turns(sound: str, *turns: str) -> str:
    """Return the sound scenario with more inputs after its first one."""
    return sound.replace(FIRST, "\n".join([FIRST, *(f"  - {turn}" for turn in turns)]), 1)


def test_an_input_may_wait_for_any_output_of_its_key(load: Load, sound: str) -> None:
    turns = ("{key: c-1, value: 1, after: {output: {any_value: true}}}", "{key: c-2, value: 1}")
    loaded = load(with_turns(sound, *turns))
    assert loaded.scenario.held_inputs == (1,)
    assert loaded.scenario.sends_through_kafka
    assert not loaded.matchers["inputs", 1, "after", "output"].match({"any": "thing"})


@pytest.mark.parametrize(
    ("turn", "where", "code", "message"),
    [
        (
            '{key: "c-2", value: 1, after: {output: hi}}',
            "6:35",
            "FA209",
            "an input that waits for an output of its key, which has no input before it",
        ),
        ("{key: c-1, value: 1, after: {}}", "6:33", "FA204", 'missing key "output" in inputs[1].after'),
        (
            "{key: c-1, value: 1, after: {output: {contains: ''}}}",
            "6:53",
            "FA209",
            "a matcher that cannot fail: contains",
        ),
        ("{key: c-1, value: 1, after: {outputs: 1}}", "6:34", "FA202", 'unknown key "outputs" in inputs[1].after'),
        ("{key: c-1, value: 1, after: hi}", "6:33", "FA203", "wrong value for inputs[1].after"),
        (
            "{from: a.jsonl, key: k, after: {output: hi}}",
            "6:29",
            "FA202",
            'unknown key "after" in inputs[1]',
        ),
    ],
)
def test_a_condition_that_cannot_be_met_or_read_is_refused(
    turn: str, where: str, code: str, message: str, load: Load, sound: str, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"k": 1}\n')
    with pytest.raises(ScenarioError) as caught:
        load(with_turns(sound, turn))
    (problem,) = caught.value.problems
    assert (problem.where, problem.code, problem.message) == (f"x.scenario.yaml:{where}", code, message)


def test_a_file_cannot_hold_an_input_back(load: Load, sound: str, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("")
    turn = "{key: c-1, value: 1, after: {output: hi}}"
    text = with_turns(sound, turn).replace(
        "agent: shop.agents:RefundAgent", 'job: {python: job.py, args: ["${input.%s}"]}'
    )
    with pytest.raises(ScenarioError) as caught:
        load(text % "path")
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("FA203", "inputs[].after with a file")
    assert "${input.topic}" in problem.next_step
    assert load(text % "topic").scenario.held_inputs == (1,)
