"""The redactor: every form of a secret is masked, and ordinary text stays."""

from __future__ import annotations

import base64
import html
import json
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from pytest_flink_agents import redact
from pytest_flink_agents.redact import MASK, Redactor, printable_json
from pytest_flink_agents.redact.rules import ANY_SHAPE, SHAPES

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
    assert Redactor({name: "hunter2x"}).text("pw=hunter2x;") == f"pw={MASK};"


def test_other_values_stay() -> None:
    environ = {
        "LANG": "english",
        "API_KEY": "four",
        "BASIC_AUTH": "enabled",
        "OLDPWD": "/gone/away",
        "COMPASS": "north",
    }
    assert Redactor(environ).text(" ".join(environ.values())) == " ".join(environ.values())


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
    masked = Redactor({"API_KEY": SECRET}).text(f"before {form} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert "nter" not in masked
    assert form.strip('"') not in masked


PLANTED = {
    "DB_PASS": "Tr0ub4dor&3",
    "MYSQL_PWD": "correct horse",
    "GITHUB_PAT": "9f8e7d6c5b4a",
    "SSH_PASSPHRASE": 'say "friend"',
    "SLACK_WEBHOOK": "https://hooks.example/T0/B1/xyz",
    "CONNECTION_STRING": "Server=db;Uid=app;Pwd=s3same!",
    "API_KEY": "a1b2c",
    "OPENAI_API_KEY": "plain-openai-key",
    "ANTHROPIC_API_KEY": "plain/anthropic+key",
    "AWS_SECRET_ACCESS_KEY": "wJalr/XUtn+FEMI",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2lu",
    "GH_TOKEN": "tok.en.of.gh",
    "NPM_AUTH": "npmauth==",
    "client_secret": "kl13nt",
    "DB_PASSWORD": "p'ass\\word",
    "PGPASSWD": "pgpässword",
    "GCP_CREDENTIALS": '{"private": "x"}',
    "BASIC_AUTH": "user:pa55w0rd",
    "Session_Cookie": "sid=12ab34cd",
    "SENTRY_DSN": "d5n-value",
    "PRIVATE_PEM": "-----BEGIN-----\nMIIabcdefghijk\n-----END-----",
    "HASH_SALT": "s4lty",
    "USER_PIN": "84736",
    "TOTP_2FA": "JBSWY3DP",
    "VAULT_JWT": "not.a.jwt",
    "AZURE_SAS": "sv=2024&sig=abc",
    "LICENSE-KEY": "AAAA-BBBB",
    "ENCRYPTION_IV": "00112233445566",
}
ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "urlsafe base64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "URL-quoted": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON within JSON": lambda text: json.dumps({"body": json.dumps({"secret": text})}),
    "hex": lambda text: text.encode().hex(),
    "Basic credentials": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "repr": repr,
    "bytes": lambda text: repr(text.encode()),
    "HTML": html.escape,
}


def _rest(masked: str, encoded: str) -> str:
    """The longest piece of the encoded secret that is still in the masked text."""
    pieces = (encoded[i:j] for i in range(len(encoded)) for j in range(i + 1, len(encoded) + 1))
    return max((piece for piece in pieces if piece in masked), key=len, default="")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_secret_is_masked_in_every_encoding(name: str, encoding: str) -> None:
    secret = PLANTED[name]
    encoded = ENCODINGS[encoding](secret)
    masked = Redactor({name: secret}).mask(f"before <{encoded}> after")
    assert MASK in masked
    assert masked.startswith("before <")
    assert masked.endswith("> after")
    # Two characters of base64 at either end depend on the bytes beside the secret; so does a user before it.
    kept = {"Basic credentials": 7, "base64": 4, "urlsafe base64": 4}.get(encoding, 2)
    wrapping = len('{"body": "{\\\\\\"secret\\\\\\"') if encoding == "JSON within JSON" else kept
    assert len(_rest(masked, encoded)) <= wrapping, masked


def test_a_variable_that_the_ini_allows_is_a_secret_unless_it_is_declared_plain() -> None:
    environ = {"SHOP_REGION": "eu-west", "SHOP_STAGE": "nightly"}
    redactor = Redactor(environ, ["SHOP_REGION", "SHOP_STAGE"], ["SHOP_STAGE"])
    assert redactor.text("eu-west nightly") == f"{MASK} nightly"


def test_the_password_of_a_url_is_a_secret_wherever_it_appears() -> None:
    redactor = Redactor({"DATABASE_URL": "postgres://app:s3same%21@db/shop"})
    assert redactor.text("login with s3same! (s3same%21) failed") == f"login with {MASK} ({MASK}) failed"


def test_a_huge_int_is_described_instead_of_written() -> None:
    assert Redactor({}).data({"n": 10**5000}) == {"n": "an int of 16610 bits"}
    assert Redactor({}).data(10**400) == 10**400


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("refund\u202e\u2066x", "refund\\u202e\\u2066x"),
        ("a\r\nb\x07", "a\nb\\x07"),
        ("\u200babc\ufeff", "\\u200babc\\ufeff"),
        ("tab\tand\nline, ü 日本 \N{FAMILY}\u200d", "tab\tand\nline, ü 日本 \N{FAMILY}\u200d"),
    ],
)
def test_characters_that_a_terminal_obeys_are_escaped(text: str, shown: str) -> None:
    assert Redactor({}).text(text) == shown


def test_a_name_is_one_line() -> None:
    assert Redactor({}).line("refund\nPROMOTE\ttrue") == "refund\\nPROMOTE\\ttrue"


def test_json_keeps_such_characters_as_its_own_escapes() -> None:
    value = "a\x1b\u202eb"
    document = printable_json(json.dumps(value, ensure_ascii=False))
    assert document == '"a\\u001b\\u202eb"'
    assert json.loads(document) == value


def test_a_secret_inside_another_leaves_no_rest() -> None:
    redactor = Redactor({"A_KEY": "hunter2", "B_KEY": "hunter2-and-more"})
    assert redactor.text("hunter2-and-more hunter2") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk-abcdefghijklmnop1234 end", "sk-abcdefghijklmnop1234"),
        *((f"gh{kind}_" + "a1" * 18, "a1a1") for kind in "pousr"),
        *((f"gl{kind}-" + "a1" * 12, "a1a1") for kind in ("pat", "dt", "rt", "cbt", "ptt", "ft", "soat")),
        ("github_pat_" + "a1_" * 10, "a1_a1"),
        ("id AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
        ("Authorization: Bearer abc.def-123456", "abc.def"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpw"),
        ("authorization: bearer abc.def-123456", "abc.def"),
        ("AUTHORIZATION: BEARER abcdefghijklmnopqrst", "abcdefgh"),
        *((f"{scheme} dXNlcjpwYXNzd29yZA==", "dXNlcjpw") for scheme in ("basic", "BASIC")),
        *((f"{scheme} dXNlcjpwYXNz", "dXNlcjpw") for scheme in ("basic", "BASIC")),
        *((f"Server=db;{word}=s3same!", "s3same") for word in ("passWord", "PassWord", "PASSWORD", "Password")),
        *((f"Server=db;{word}=s3same!", "s3same") for word in ("passwd", "passWd", "PASSWD", "Pwd", "PWD")),
        ("postgres://user:pass@host/db", "user:pass"),
        ("xoxb-1234567890-abc", "1234567890"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJzdWIi"),
    ],
)
def test_the_shapes_of_tokens_are_masked(text: str, secret: str) -> None:
    masked = Redactor({}).text(text)
    assert secret not in masked
    assert MASK in masked


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"token-{JWT}", f"token-{MASK}"),
        (f"eyJ-{JWT} {JWT}", f"eyJ-{MASK} {MASK}"),
        (JWT.replace("NiJ9", "-eyJ9"), MASK),
        (JWT.replace("In0", "-eyJ0123456789"), MASK),
    ],
)
def test_a_web_token_is_masked_whatever_stands_before_or_in_it(text: str, masked: str) -> None:
    assert Redactor({}).mask(text) == masked


BEFORE = (
    *(r"\n", r"\\n", r"\\\\t", r"\r", r"\u0027", r"\\u003D", r"\x27", "%3D", "%20"),
    *("\x1b[m", "\x1b[0m", r"\u001b[31m", r"\x1b[1;31m"),
)
TOKENS = {
    "sk-": "sk-" + "a1" * 12,
    "whsec_": "whsec_" + "a1" * 12,
    "ghp_": "ghp_" + "a1" * 18,
    "github_pat_": "github_pat_" + "a1_" * 10,
    "glpat-": "glpat-" + "a1" * 12,
    "AKIA": "AKIAABCDEFGHIJKLMNOP",
    "AIza": "AIza" + "a" * 35,
    "ya29.": "ya29." + "a" * 20,
    "xoxb-": "xoxb-1234567890-abc",
    "hf_": "hf_" + "a1" * 15,
    "npm_": "npm_" + "a1" * 18,
    "pypi-": "pypi-" + "a1" * 25,
    "SG.": "SG." + "a1" * 8 + "." + "a1" * 8,
    "SK": "SK" + "a1" * 16,
    "_v1_": "dop_v1_" + "a1" * 32,
    "dapi": "dapi" + "a1" * 16,
    "hvs.": "hvs." + "a1" * 12,
    "eyJ": JWT,
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_right_behind_an_escape_is_masked(kind: str, before: str) -> None:
    assert Redactor({}).mask(f"so{before}{TOKENS[kind]} end") == f"so{before}{MASK} end"


@pytest.mark.parametrize("before", BEFORE)
def test_a_password_of_a_connection_right_behind_an_escape_is_masked(before: str) -> None:
    assert Redactor({}).mask(f"so{before}password=s3same;") == f"so{before}password={MASK};"


@pytest.mark.parametrize("words", [words for words, _ in SHAPES], ids=lambda words: words[0])
def test_no_text_makes_the_search_for_a_shape_slow(words: tuple[str, ...]) -> None:
    units = ["-", "a", "0", " ", "://", '"', "'", "\\", ".", "a:"]
    units += [word + rest for word in words for rest in ("", "-", " ", "a", "0123456789", "0123456789-", "0123456789.")]
    (shape,) = (shape for names, shape in SHAPES if names == words)
    for unit in units:
        # A tenth of a second is usual, and half a minute where the time is the square of the length.
        text = words[0] + unit * (400_000 // len(unit))
        before = time.process_time()
        shape.sub(MASK, text)
        assert time.process_time() - before < 3, unit


def test_the_search_for_any_shape_finds_what_a_search_for_each_word_finds() -> None:
    words = [word for names, _ in SHAPES for word in names]
    characters, chance, found = "".join(sorted(set("".join(words)))), random.Random(7), 0
    for _ in range(5_000):
        text = "".join(chance.choices(characters, k=chance.randrange(8)))
        text += (word := chance.choice(words))[chance.randrange(2) : len(word) - chance.randrange(2)]
        text += "".join(chance.choices(characters, k=chance.randrange(8)))
        holds = any(each in text for each in words)
        assert (ANY_SHAPE.search(text) is not None) == holds, text
        found += holds
    assert 500 < found < 4_500
    assert all(ANY_SHAPE.search(word) for word in words)


@pytest.mark.parametrize(
    "text",
    [
        "task-management-of-the-agent",
        *(f"{before}{word}-management-of-the-agent" for before in BEFORE for word in ("task", "risk", "network")),
        "the bearer of news",
        *(f"a bearer {word}" for word in ("authentication.", "token_endpoint", "credential-of-a-user", "OAuthToken")),
        *(f"a basic {word}" for word in ("understanding", "functionality", "KafkaSource", "scenario1", "and/or/not")),
        *(
            f"the basic {word}"
            for word in ("ProcessFunction", "CheckpointedFunction", "DataStream", "MapState", "10000000")
        ),
        "BASIC AUTHENTICATION, BEARER AUTHENTICATION",
        "http://localhost:8081/jobs",
        "a@b.c",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor({}).mask(text) == text


def test_only_an_existing_path_is_no_secret(tmp_path: Path) -> None:
    redactor = Redactor({"AWS_SECRET_ACCESS_KEY": "/abcDEF123/xyzXYZ", "SSH_AUTH_SOCK": str(tmp_path)})
    assert redactor.text(f"/abcDEF123/xyzXYZ {tmp_path}") == f"{MASK} {tmp_path}"


def test_each_line_of_a_long_secret_is_masked() -> None:
    redactor = Redactor({"PRIVATE_KEY": "-----BEGIN-----\nMIIabcdefghijk\nLMNOPQRSTUVW\n}\n-----END-----\n"})
    assert redactor.text("  > 3 | MIIabcdefghijk }") == f"  > 3 | {MASK} }}"


def test_data_is_masked_wherever_it_is() -> None:
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
    data: Any = {"a": 1, "b": 1.5, "c": True, "d": None, "e": [], "f": ""}
    assert Redactor({"API_KEY": "hunter2x"}).data(data) == data
    assert Redactor({}).data(True) is True


def test_data_is_always_json() -> None:
    json.dumps(Redactor({}).data({"a": float("nan"), "b": float("inf")}), allow_nan=False)


def test_half_a_surrogate_pair_is_escaped() -> None:
    assert Redactor({}).text(json.loads('"a\\ud800b"')) == "a\\ud800b"


def test_a_secret_that_is_not_utf8_is_masked() -> None:
    assert Redactor({"API_KEY": "hunter\udcff2"}).text("x hunter\udcff2") == f"x {MASK}"


def test_a_form_encoded_secret_is_masked() -> None:
    assert Redactor({"API_KEY": "hün/ter2"}).text(quote_plus("hün/ter2")) == MASK


def test_only_text_files_inside_the_folder_are_masked(tmp_path: Path) -> None:
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


def test_a_file_that_vanishes_meanwhile_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_secret_that_is_learned_later_is_masked() -> None:
    redactor = Redactor({})
    redactor.learn(["hunter-twelve", "plain", "abc"])
    assert redactor.text("hunter-twelve plain abc") == "*** plain abc"
    assert redactor.data({"a": "hunter-twelve"}) == {"a": "***"}


def test_a_word_that_is_learned_after_it_was_written_is_masked_from_then_on() -> None:
    redactor = Redactor({})
    assert redactor.data({"said": "hunter-twelve"}) == {"said": "hunter-twelve"}
    redactor.learn(["hunter-twelve"])
    assert redactor.data({"said": "hunter-twelve"}) == {"said": MASK}


def test_secrets_that_are_known_already_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor = Redactor({"A_KEY": "hunter-twelve"})
    redactor.data({"said": "hello"})
    encoded: list[str] = []

    def forms_of(secret: str) -> set[str]:
        encoded.append(secret)
        return {secret}

    monkeypatch.setattr(redact, "forms_of", forms_of)
    redactor.learn(["hunter-twelve", "abc"])
    assert (encoded, redactor._remembered) == ([], {"said": "said", "hello": "hello"})
    redactor.learn(["hunter-thirteen"])
    assert sorted(encoded) == ["hunter-thirteen", "hunter-twelve"]
    assert redactor.text("hunter-twelve hunter-thirteen") == "*** ***"


def test_words_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []

    def mask(_: Redactor, text: str) -> str:
        masked.append(text)
        return text

    monkeypatch.setattr(Redactor, "mask", mask)
    redactor = Redactor({})
    for _ in range(3):
        redactor.data(["key", "x" * 65])
    assert masked == ["key", "x" * 65, "x" * 65, "x" * 65]
    redactor.data([str(number) for number in range(20_001)])
    assert len(redactor._remembered) <= 10_000
