"""The page of options: command line, environment variable and ini name of each setting."""

from __future__ import annotations

import re
from unittest import mock

from pytest_flink_agents.options import OPTIONS, Option, add_options
from tools.reference.markdown import code, page, sentence, table

_DEFAULT = re.compile(r"[;,]?\s*\(?(?:repeatable; )?default: (?P<default>[^()]+)\)")

# Variables without an option: what a command line, a log or a report must not show, and the places of caches and mirrors.
VARIABLES = {
    "FLINK_AGENTS_TEST_CACHE_DIR": "the directory of cached job environments, jars and session records",
    "FLINK_AGENTS_TEST_REST_TOKEN": "the token for the REST API of a remote cluster, sent as a Bearer token",
    "FLINK_AGENTS_TEST_REST_CA": "the PEM file of the authority to trust for an https address of a remote cluster",
    "FLINK_AGENTS_TEST_REST_CERT": "the PEM file of a client certificate for a remote cluster",
    "FLINK_AGENTS_TEST_REST_KEY": "the PEM file of that certificate's key, without a password",
    "FLINK_AGENTS_MAVEN_MIRROR": "the Maven repository that jars come from",
}


def options_page() -> str:
    """Return the page."""
    parts = [
        "Every option is a command-line option, an environment variable and an ini value. The command line precedes the "
        "environment variable, which precedes the ini value, which precedes the default. Quote versions in YAML and ini "
        "files: without quotes, 1.20 is the number 1.2.",
        table(("option", "default", "meaning"), [_row(option) for option in OPTIONS]),
        "## Names",
        table(
            ("option", "environment variable", "ini name"),
            [(code(option.flag), code(option.variable), code(option.name)) for option in OPTIONS],
        ),
        "## Ini values without an option",
        table(("ini name", "meaning"), [(code(name), sentence(meaning)) for name, meaning in ini_values().items()]),
        "## Environment variables without an option",
        table(("variable", "meaning"), [(code(name), sentence(meaning)) for name, meaning in VARIABLES.items()]),
        "`UV_DEFAULT_INDEX`, `UV_INDEX`, `HTTPS_PROXY`, `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`, `DOCKER_HOST`, `JAVA_HOME` "
        "and `FLINK_CONF_DIR` keep the meaning that their own programs give them.",
    ]
    return page("Options", *parts)


def ini_values() -> dict[str, str]:
    """Return the ini values that are not options as well: names to meanings."""
    declared: dict[str, str] = {}
    recorder = mock.MagicMock()
    recorder.addini.side_effect = lambda name, help, **_: declared.update({name: help})  # noqa: A006 - pytest's own name
    add_options(recorder)
    return {name: meaning for name, meaning in declared.items() if name not in {option.name for option in OPTIONS}}


def _row(option: Option) -> tuple[str, str, str]:
    form = f"{option.flag}={option.metavar}" if option.metavar else option.flag
    form = f"{option.flag}[={option.metavar}]" if option.metavar and option.const else form
    found = _DEFAULT.search(option.help)
    default = found["default"] if found else "none"
    is_word = found and " " not in default
    return code(form), code(default) if is_word else default, sentence(_DEFAULT.sub("", option.help))
