"""``diff`` names what changed between two sessions, ``trend`` shows all of a directory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_flink_agents.cli.main import main
from pytest_flink_agents.gate import Figure
from tests.unit.cli.conftest import NAMES, EndSession, item


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    capsys.readouterr()
    code = main(list(map(str, arguments)))
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def test_two_equal_sessions_have_no_difference(session_in: EndSession, capsys: pytest.CaptureFixture[str]) -> None:
    first = session_in([item(NAMES[0], figures={"tokens": Figure(100)})])
    second = session_in([item(NAMES[0], figures={"tokens": Figure(109)})])
    code, text = run(capsys, "diff", first, second)
    assert code == 0
    assert text.splitlines()[1:] == [
        f"{name}: the same" for name in ("verdict", "results", "identity", "options", "figures")
    ]


def test_each_change_is_named_with_both_values(session_in: EndSession, capsys: pytest.CaptureFixture[str]) -> None:
    first = session_in([item(NAMES[0], figures={"tokens": Figure(100)}), item(NAMES[1]), item(NAMES[2])])
    Path("shop.py").write_text("X = 2\n", encoding="utf-8")
    results = [item(NAMES[0], figures={"tokens": Figure(120)}), item(NAMES[1], "failed"), item(NAMES[3])]
    second = session_in(results, pytest_exit=1, commit="beef", parallelism=2)
    code, text = run(capsys, "diff", first, second, "--json")
    found = {
        name: {one["what"]: (one["before"], one["after"]) for one in each} for name, each in json.loads(text).items()
    }
    assert code == 1
    assert found["verdict"] == {"verdict": ("promote", "block")}
    assert found["results"] == {
        NAMES[1]: ("passed", "failed"),
        NAMES[2]: ("passed", "-"),
        NAMES[3]: ("-", "passed"),
    }
    assert set(found["identity"]) == {"commit", "shop.py"}
    assert found["identity"]["commit"] == ("c0ffee", "beef")
    assert found["options"] == {"parallelism": ("1", "2")}
    assert found["figures"] == {f"tokens of {NAMES[0]}": ("100", "120")}
    code, text = run(capsys, "diff", first, second)
    assert code == 1
    assert f"  {NAMES[1]}: passed -> failed" in text.splitlines()
    assert re.search(r"^  shop\.py: sha256:\w{12} -> sha256:\w{12}$", text, re.MULTILINE)


def test_the_history_has_a_line_for_each_session(session_in: EndSession, capsys: pytest.CaptureFixture[str]) -> None:
    session_in([item(NAMES[0]), item(NAMES[1], "flaky")])
    session_in([item(NAMES[0], figures={"latency_p95": Figure(250.4)}), item(NAMES[1])])
    killed = session_in([item(NAMES[0]), item(NAMES[1])], killed=True)
    (killed.parent / "latest.txt").touch()
    (killed.parent / "other").mkdir()
    (killed.parent / "broken").mkdir()
    (killed.parent / "broken" / "report.json").write_text("{", encoding="utf-8")
    code, text = run(capsys, "trend", killed.parent)
    lines = text.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert re.split(r"  +", lines[0]) == ["started", "verdict", "passed", "flaky", "p95 ms", "commit"]
    assert (
        sorted(re.split(r"  +", line)[1:] for line in lines[1:4])
        == [
            ["inconclusive", "1/1", "0", "100", "c0ffee"],
            ["inconclusive", "1/2", "1", "100", "c0ffee"],
            ["promote", "2/2", "0", "250", "c0ffee"],
        ]
        or "inconclusive" in lines[3]
    )
    assert f"  {NAMES[1]}: in 1 of 3 sessions" in lines
    assert "cannot be read: broken" in lines
    assert run(capsys, "trend", killed.parent / "other")[0] == 2


def test_the_picture_needs_no_network_and_escapes_names(
    session_in: EndSession, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "s.scenario.yaml::<script>[embedded-2.2]"
    folder = session_in([item(name, "flaky"), item(NAMES[0])])
    assert run(capsys, "trend", folder.parent, "--html=trend.html")[0] == 0
    page = Path("trend.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page
    assert not re.search(r"<script|https?://|url\(", page)
    assert page.count("<rect") == 2
    text = run(capsys, "trend", folder.parent, "--json")[1]
    assert [one["flaky"] for one in json.loads(text)["sessions"]] == [[name]]
