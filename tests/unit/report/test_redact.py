"""The redactor: no form of a secret gets out, and what is none stays."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from pytest_flink_agents.redact import MASK, Redactor

# With what encodings change: quote, backslash, slash, blank, a letter beyond ASCII.
SECRET = 'hünter/2"\\ +&x'


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "GH_TOKEN",
        "client_secret",
        "DB_PASSWORD",
        "PGPASSWD",
        "AWS_CREDENTIALS",
        "BASIC_AUTH",
        "Session_Cookie",
    ],
)
def test_values_of_secret_names_are_masked(name: str) -> None:
    """Whatever the case of the name, and in the middle of a text."""
    assert Redactor({name: "hunter2x"}).text("pw=hunter2x;") == f"pw={MASK};"


def test_other_values_stay() -> None:
    """A harmless name's value, and one too short to be told from a word, are shown."""
    redactor = Redactor({"HOME": "/home/somebody", "LANG": "english", "API_KEY": "short"})
    assert redactor.text("english short /home/somebody") == "english short /home/somebody"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        quote(SECRET),
        quote(SECRET, safe=""),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps({"nested": [SECRET]}),
    ],
)
def test_every_form_of_a_secret_is_masked(form: str) -> None:
    """Plain, base64, URL-quoted and as JSON writes it: nothing recognisable is left."""
    masked = Redactor({"API_KEY": SECRET}).text(f"before {form} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert "nter" not in masked
    assert form.strip('"') not in masked


def test_a_secret_inside_another_leaves_no_rest() -> None:
    """The longer one is masked whole."""
    redactor = Redactor({"A_KEY": "hunter2", "B_KEY": "hunter2-and-more"})
    assert redactor.text("hunter2-and-more hunter2") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk-abcdefghijklmnop1234 end", "sk-abcdefghijklmnop1234"),
        ("ghp_" + "a1" * 18, "a1a1"),
        ("github_pat_" + "a1_" * 10, "a1_a1"),
        ("id AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
        ("Authorization: Bearer abc.def-123456", "abc.def"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpw"),
        ("postgres://user:pass@host/db", "user:pass"),
        ("xoxb-1234567890-abc", "1234567890"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJzdWIi"),
    ],
)
def test_what_looks_like_a_key_is_masked(text: str, secret: str) -> None:
    """Known shapes are masked though no variable holds them."""
    masked = Redactor({}).text(text)
    assert secret not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text", ["task-management-of-the-agent", "the bearer of news", "http://localhost:8081/jobs", "a@b.c"]
)
def test_ordinary_words_stay(text: str) -> None:
    """What only resembles a key is readable."""
    assert Redactor({}).text(text) == text


def test_a_secret_that_begins_with_a_slash_is_a_secret(tmp_path: Path) -> None:
    """Random keys may begin so; only a path that exists here is shown."""
    redactor = Redactor({"AWS_SECRET_ACCESS_KEY": "/abcDEF123/xyzXYZ", "SSH_AUTH_SOCK": str(tmp_path)})
    assert redactor.text(f"/abcDEF123/xyzXYZ {tmp_path}") == f"{MASK} {tmp_path}"


def test_each_line_of_a_long_secret_is_masked() -> None:
    """Texts are shown line by line, with marks before each."""
    redactor = Redactor({"PRIVATE_KEY": "-----BEGIN-----\nMIIabcdefghijk\nLMNOPQRSTUVW\n}\n-----END-----\n"})
    assert redactor.text("  > 3 | MIIabcdefghijk }") == f"  > 3 | {MASK} }}"


def test_data_is_masked_wherever_it_is() -> None:
    """Keys, values, lists, tuples, numbers, and what is no JSON at all."""
    redactor = Redactor({"API_KEY": "hunter2x", "PIN_TOKEN": "84736251"})
    data: Any = {
        "hunter2x": ["hunter2x", ("a hunter2x",)],
        "n": 84736251,
        "path": Path("/x/hunter2x"),
        "set": {"hunter2x"},
    }
    masked = redactor.data(data)
    assert masked == {MASK: [MASK, [f"a {MASK}"]], "n": MASK, "path": f"/x/{MASK}", "set": f"{{'{MASK}'}}"}


def test_plain_data_stays_as_it_is() -> None:
    """Types are kept: a number stays a number, true stays true, null stays null."""
    data: Any = {"a": 1, "b": 1.5, "c": True, "d": None, "e": [], "f": ""}
    assert Redactor({"API_KEY": "hunter2x"}).data(data) == data
    assert Redactor({}).data(True) is True


def test_data_is_always_json() -> None:
    """Numbers that JSON does not know become text, so that any parser reads the file."""
    json.dumps(Redactor({}).data({"a": float("nan"), "b": float("inf")}), allow_nan=False)


def test_text_can_always_be_written() -> None:
    """Half a surrogate pair, which JSON can bring in, is escaped; a whole report must not fail over it."""
    assert Redactor({}).text(json.loads('"a\\ud800b"')) == "a\\ud800b"


def test_an_environment_of_odd_bytes_is_taken() -> None:
    """A secret that is no UTF-8 reaches us with surrogates in it: no error, and masked."""
    assert Redactor({"API_KEY": "hunter\udcff2"}).text("x hunter\udcff2") == f"x {MASK}"


def test_quoting_a_blank_as_plus_is_not_claimed() -> None:
    """Form encoding differs from URL quoting only for blanks; a secret without blanks is masked in both."""
    assert Redactor({"API_KEY": "hün/ter2"}).text(quote_plus("hün/ter2")) == MASK


def test_files_of_programs_are_masked_where_they_may_be(tmp_path: Path) -> None:
    """Not what a program goes on using, nor what a link leads to, nor bytes that are no text."""
    outside = tmp_path / "outside.log"
    folder = tmp_path / "run"
    kept = {"log/a.log": b"pw=***;", "deep/er/b.log": b"***", "data/segment": b"hunter2x", "bytes": b"hunter2x\xff"}
    for name, content in kept.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.replace(b"***", b"hunter2x"))
    outside.write_bytes(b"hunter2x")
    (folder / "link").symlink_to(outside)
    (folder / "nowhere").symlink_to(tmp_path / "gone")
    Redactor({"API_KEY": "hunter2x"}).files(folder, but={folder / "data"})
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    assert outside.read_bytes() == b"hunter2x"


def test_files_may_go_while_they_are_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a cluster that is left running do, directories too."""
    for name in ("a/one.log", "b/two.log", "b/c/three.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("hunter2x")
    redactor = Redactor({"API_KEY": "hunter2x"})
    read = Path.read_bytes

    def read_and_lose(path: Path) -> bytes:
        shutil.rmtree(tmp_path / "b", ignore_errors=True)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_and_lose)
    redactor.files(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if any(path.iterdir())] in ([], ["a"])
