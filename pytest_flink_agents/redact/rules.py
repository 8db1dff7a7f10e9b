"""The names and the shapes of secrets.

A kept list: the names are those that the keyword detector of detect-secrets and the rules of gitleaks look for, in our own
words; the shapes are the token formats that the services document. Each line may be extended, none needs another change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Parts of a variable's name that make its value a secret, wherever they occur in it.
_ANYWHERE = (
    *("KEY", "TOKEN", "SECRET", "PASSW", "PASSPHRASE", "PASSCODE", "CREDENTIAL", "AUTH", "COOKIE", "PRIVATE", "DSN"),
    *("WEBHOOK", "CONNECTION_STRING", "CONNECTIONSTRING", "CONN_STR", "CONNSTR", "SIGNATURE", "BEARER", "ENCRYPTION"),
)
# Short words that are parts of ordinary ones (PATH, COMPASS, SASL): only as a word of their own.
_AS_A_WORD = (
    "PASS",
    "PWD",
    "PAT",
    "PSK",
    "PIN",
    "OTP",
    "TOTP",
    "SAS",
    "JWT",
    "CRED",
    "CREDS",
    "SALT",
    "PEM",
    "PW",
    "SESSION",
)
_NAME = re.compile("|".join(_ANYWHERE) + r"|(?:^|[_\-.])(?:" + "|".join(_AS_A_WORD) + r")(?:$|[_\-.\d])", re.IGNORECASE)
# Directories that a shell keeps.
_NO_SECRETS = frozenset({"PWD", "OLDPWD"})

# What comes right before a token: no letter, or the last one of an escape of JSON, of Python, of a URL or of a colour.
_BEFORE = (
    r"(?:\b|(?<=\\[nrtbf])|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2})"
    r"|(?<=\[m)|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m)|(?<=\[[0-9];[0-9]{2}m))"
)


def _token(start: str, rest: str) -> str:
    """Return the pattern of tokens with this start.

    A search looks for the start first, since it is rarer than a place where a token may begin.
    """
    return f"(?={start}){_BEFORE}{start}{rest}"


# A part of a signed JSON web token. Where headers stand in one another, only the last one that is long enough is read to its
# end: from each of them to the same end takes quadratic time.
_PART = "[A-Za-z0-9_-]"
_LAST_HEADER = f"(?={_PART}{{10}})(?:[A-Za-z0-9_]|-(?!eyJ{_PART}{{10}}))+"

# A token of a header whose scheme is in another case than its own, where prose has the same words: a digit or many letters.
_BEARER = r"(?=[A-Za-z._~+/=-]*[0-9]|[A-Za-z]{16})[A-Za-z0-9._~+/=-]{8,}"
# As above: base64 of ASCII characters, whose first bit is 0, with a capital behind a small letter or a digit.
_GROUP = "[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghkloptswx014589][A-Za-z0-9+/]"
_BASIC = (
    rf"(?=[A-Za-z0-9+/]*[a-z0-9][A-Z])(?=[A-Za-z0-9+/=]{{8}})(?:{_GROUP})+"
    "(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![A-Za-z0-9+/=])"
)

# Formats of tokens that services issue: each is recognised although no variable holds it. The words before a pattern are
# looked for first, since a search for all patterns is slow: a text that holds none of them cannot match.
SHAPES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (tuple(words), re.compile(pattern))
    for words, pattern in (
        # OpenAI, Anthropic and services with the same format
        (("sk-", "pk-", "rk-"), _token("[spr]k-", "[A-Za-z0-9_-]{16,}")),
        # Stripe
        (("sk_", "pk_", "rk_", "whsec_"), _token("(?:[spr]k|whsec)_", "(?:live_|test_)?[A-Za-z0-9]{16,}")),
        # GitHub, GitLab: "gh" and "gl" alone are in any English text
        (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _token("gh[pousr]_", "[A-Za-z0-9]{20,}")),
        (("github_pat_",), _token("github_pat_", "[A-Za-z0-9_]{20,}")),
        (
            ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-"),
            _token("gl(?:pat|dt|rt|cbt|ptt|ft|soat)-", "[A-Za-z0-9_-]{20,}"),
        ),
        # AWS, Google, Azure
        (("AKIA", "ASIA", "ABIA", "ACCA"), _token("A(?:KIA|SIA|BIA|CCA)", r"[0-9A-Z]{16}\b")),
        (("AIza",), _token("AIza", "[0-9A-Za-z_-]{35}")),
        (("ya29.", "GOCSPX-"), _token(r"(?:ya29\.|GOCSPX-)", "[0-9A-Za-z_-]{20,}")),
        (("Key=", "sig="), r"(?:(?<=AccountKey=)|(?<=SharedAccessKey=)|(?<=[?&]sig=))[A-Za-z0-9%+/=]{20,}"),
        # Slack, Discord
        (("xox", "xapp-"), _token("(?:xox[abeprs]|xapp)-", "[A-Za-z0-9-]{10,}")),
        (("hooks.slack.com",), r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}"),
        (("discord.com",), r"(?<=discord\.com/api/webhooks/)[0-9]{10,}/[A-Za-z0-9_-]{20,}"),
        # Hugging Face, npm, PyPI, SendGrid, Twilio
        (("hf_",), _token("hf_", "[A-Za-z0-9]{30,}")),
        (("npm_",), _token("npm_", "[A-Za-z0-9]{36}")),
        (("pypi-",), _token("pypi-", "[A-Za-z0-9_-]{50,}")),
        (("SG.",), _token(r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}")),
        (("SK",), _token("SK", r"[0-9a-f]{32}\b")),
        # DigitalOcean, Databricks, Vault
        (("_v1_",), _token("do[oprt]_v1_", "[a-f0-9]{64}")),
        (("dapi",), _token("dapi", r"[a-f0-9]{32}\b")),
        (("hvs.",), _token(r"hvs\.", "[A-Za-z0-9_-]{24,}")),
        # Signed JSON web tokens, headers, URLs, connection strings, PEM
        (("eyJ",), _token("eyJ", rf"{_LAST_HEADER}\.{_PART}{{10,}}\.{_PART}{{5,}}")),
        (("Bearer ",), r"(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"),
        (("bearer ", "BEARER "), rf"(?:(?<=bearer )|(?<=BEARER )){_BEARER}"),
        (("Basic ",), r"(?<=Basic )[A-Za-z0-9+/=]{8,}"),
        (("basic ", "BASIC "), rf"(?:(?<=basic )|(?<=BASIC )){_BASIC}"),
        (("://",), r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
        (
            ("assword=", "ASSWORD=", "assWord=", "wd=", "Wd=", "WD="),
            rf"(?i:(?<={_BEFORE}password=)|(?<={_BEFORE}passwd=)|(?<={_BEFORE}pwd=))[^\s;&\"'*]+",
        ),
        (("PRIVATE KEY-----",), r"(?<=PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]{40,}(?=-----END)"),
    )
)

# Characters of texts, from the most frequent ones on; all others are rarer.
_FREQUENT = '0123456789 eatoinshrdlucmfwypvbgk":,.-_/'
# The remainder of -1, which str.find returns for the others, is the largest.
_RAREST = 100


def any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that is found in exactly those texts that hold one of the words.

    A search begins at the rarest character of each word, and passes over all others at once.
    """
    by_start: dict[str, list[str]] = {}
    for word in words:
        start = max(word, key=lambda character: _FREQUENT.find(character) % _RAREST)
        at = word.index(start) + 1
        by_start.setdefault(start, []).append(f"(?<={re.escape(word[:at])}){re.escape(word[at:])}")
    return re.compile("|".join(f"{re.escape(start)}(?:{'|'.join(rests)})" for start, rests in by_start.items()))


# Only a text in which this is found can hold one of the shapes.
ANY_SHAPE = any_of(word for words, _ in SHAPES for word in words)


def is_secret_name(name: str) -> bool:
    """Return whether the value of a variable with this name is a secret."""
    return name.upper() not in _NO_SECRETS and _NAME.search(name) is not None
