"""Annotations, code quality and pull request: the reasons of a verdict as CI servers show them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from pytest_flink_agents.gate import ItemResult, Policy, Verdict, decide
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.ci.findings import CiFinding, findings_of
from pytest_flink_agents.report.ci.github import annotation_lines, append_step_summary
from pytest_flink_agents.report.ci.gitlab import code_quality
from pytest_flink_agents.report.ci.pull_request import pull_request_text
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.vocabulary import Tier

NONE = Redactor({})
FLINK = Policy("default", (Tier.EMBEDDED,))
LIMIT = 65_536
# As the runner of GitHub Actions reads a command: name, properties and data.
COMMAND = re.compile(r"::(?P<name>[a-z]+) ?(?P<properties>[^:]*)::(?P<data>.*)")
ODD = "a,b: 100%\r\n::error::forged | [x](http://evil) @team `` ![i](http://evil/i.png) <b>"


def findings(results: list[ItemResult], server: CiServer | None = None, redactor: Redactor = NONE) -> list[CiFinding]:
    return list(findings_of(decide(results, FLINK), server or CiServer(), redactor))


def properties_of(line: str) -> tuple[str, dict[str, str], str]:
    """Return name, properties and data of a command, unescaped as the runner does it."""
    found = COMMAND.fullmatch(line)
    assert found, line
    pairs = (each.partition("=") for each in found["properties"].split(",") if each)
    properties = {name: unescaped(value, ":", ",") for name, _, value in pairs}
    return found["name"], properties, unescaped(found["data"])


def unescaped(text: str, *more: str) -> str:
    for character in (*more, "\r", "\n", "%"):
        text = text.replace(f"%{ord(character):02X}", character)
    return text


def test_a_failure_is_an_error_at_the_line_of_its_scenario(results: list[ItemResult]) -> None:
    lines = annotation_lines(findings(results[1:2]))
    assert properties_of(lines[0]) == (
        "error",
        {"file": "s.yaml", "line": "3", "title": "flink agents gate: scenarios"},
        "s.yaml::refund[embedded-2.2]: output 1 is not as expected",
    )


def test_what_is_not_known_is_a_warning_and_a_remark_a_notice(results: list[ItemResult]) -> None:
    warned = dataclasses.replace(results[1], severity="warn")
    lines = annotation_lines(findings([warned, results[2]]))
    assert [properties_of(line)[0] for line in lines] == ["warning", "notice"]


def test_at_most_ten_annotations_of_a_kind_say_how_many_are_left_out(results: list[ItemResult]) -> None:
    failed = [dataclasses.replace(results[1], node_id=f"n{number}") for number in range(30)]
    unknown = [dataclasses.replace(results[2], node_id=f"u{number}") for number in range(10)]
    lines = annotation_lines(findings([*failed, *unknown]))
    errors = [line for line in lines if line.startswith("::error ")]
    assert len(errors) == 10
    assert errors[-1].endswith("::21 more of this kind are in the report")
    assert len([line for line in lines if line.startswith("::warning ")]) == 10


def test_no_text_adds_a_command_or_a_property(results: list[ItemResult]) -> None:
    odd = dataclasses.replace(results[1], node_id=ODD, message=ODD, file=ODD)
    (line,) = (line for line in annotation_lines(findings([odd])) if line.startswith("::error"))
    assert "\n" not in line
    assert "\r" not in line
    name, properties, data = properties_of(line)
    assert (name, list(properties)) == ("error", ["file", "line", "title"])
    assert properties["file"].startswith("a,b: 100%")
    assert "::error::forged" in data


def test_a_project_below_the_root_of_its_repository_has_the_whole_path(results: list[ItemResult]) -> None:
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/w/repo"}
    server = CiServer.of(environ, Path("/w/repo/jobs/refunds"))
    assert findings(results[1:2], server)[0].file == "jobs/refunds/s.yaml"
    assert CiServer.of(environ, Path("/w/repo")).path("s.yaml") == "s.yaml"
    assert CiServer.of(environ, Path("/elsewhere")).path("s.yaml") == "s.yaml"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, ""),
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "o/r",
                "GITHUB_RUN_ID": "7",
            },
            "https://github.com/o/r/actions/runs/7#artifacts",
        ),
        ({"GITLAB_CI": "true", "CI_JOB_URL": "https://g/j/1"}, "https://g/j/1/artifacts/browse"),
        ({"JENKINS_URL": "https://j/", "BUILD_URL": "https://j/job/1/"}, "https://j/job/1/artifact/"),
    ],
)
def test_each_server_has_an_address_of_its_artifacts(environ: dict[str, str], url: str) -> None:
    server = CiServer.of(environ, Path("/w"))
    assert server.artifacts_url == url
    assert server.on_github is ("GITHUB_ACTIONS" in environ)


def test_code_quality_has_the_fields_that_gitlab_reads(results: list[ItemResult]) -> None:
    report = code_quality(findings(results))
    failure = report[0]
    assert failure["description"] == "s.yaml::refund[embedded-2.2]: output 1 is not as expected"
    assert failure["check_name"] == "flink-agents-gate: scenarios"
    assert failure["severity"] == "blocker"
    assert failure["location"] == {"path": "s.yaml", "lines": {"begin": 3}}
    fingerprints = [entry["fingerprint"] for entry in report]
    assert len(set(fingerprints)) == len(fingerprints) == len(decide(results, FLINK).reasons)
    for entry in report:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert entry["location"]["lines"]["begin"] >= 1
        assert entry["location"]["path"]


def test_a_fingerprint_stays_when_the_message_changes(results: list[ItemResult]) -> None:
    moved = dataclasses.replace(results[1], line=9, message="output 2 is not as expected")
    one, other = (code_quality(findings([each]))[0]["fingerprint"] for each in (results[1], moved))
    assert one == other


def pull_request(verdict: Verdict, server: CiServer | None = None, redactor: Redactor = NONE) -> str:
    server = server or CiServer()
    found = findings_of(verdict, server, redactor)
    return pull_request_text(verdict, found, server, commit="c0ffee" * 7, redactor=redactor)


def test_the_comment_has_verdict_reasons_scenarios_and_report(verdict: Verdict) -> None:
    assert pull_request(verdict, CiServer(artifacts_url="https://ci/1")) == COMMENT


def test_the_comment_of_many_long_results_fits(results: list[ItemResult]) -> None:
    long = [
        dataclasses.replace(
            results[1], node_id=f"n{n}", name=f"{n} {'`|' * 400}", message="m" * 5_000, flink_version=f"2.{n % 90}"
        )
        for n in range(3_000)
    ]
    text = pull_request(decide(long, FLINK))
    assert len(text) < LIMIT
    assert "and 2990 more, all in the report" in text
    assert "3000 scenarios" in text


def test_texts_of_jobs_are_code_in_the_comment(results: list[ItemResult]) -> None:
    odd = dataclasses.replace(results[1], name=ODD, node_id=ODD, message=ODD)
    text = pull_request(decide([odd], FLINK))
    spans = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
    rest = spans.sub("", text)
    for piece in ("evil", "@team", "forged", "<b>"):
        assert piece in text
        assert piece not in rest
    rows = [line for line in rest.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1


def test_a_secret_reaches_no_server(results: list[ItemResult]) -> None:
    secret = "hunter2hunter2"
    text = f"x {secret} y"
    redactor = Redactor({"API_KEY": secret})
    verdict = decide(
        [dataclasses.replace(results[1], node_id=text, name=text, message=text, file=text, owner=text)], FLINK
    )
    found = findings_of(verdict, CiServer(), redactor)
    for text in (
        str(found),
        str(code_quality(found)),
        "".join(annotation_lines(found)),
        pull_request(verdict, None, redactor),
    ):
        assert "hunter2" not in text
        assert "x *** y" in text


def test_a_megabyte_is_in_no_form(results: list[ItemResult]) -> None:
    large = "y" * 3_000_000
    failed = dataclasses.replace(results[1], message=large, detail=large, name=large, node_id=large)
    verdict = decide([failed], FLINK)
    found = findings_of(verdict, CiServer(), NONE)
    for text in (str(code_quality(found)), "".join(annotation_lines(found)), pull_request(verdict)):
        assert len(text) < 10_000


def test_a_promoted_session_has_no_annotation(results: list[ItemResult]) -> None:
    passed = dataclasses.replace(results[0], tier=Tier.EMBEDDED)
    assert annotation_lines(findings([passed])) == []
    assert code_quality(findings([passed])) == []


def test_the_summary_of_a_step_never_grows_beyond_a_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    assert append_step_summary(path, ["# BLOCK\n", "short"])
    assert path.read_text(encoding="utf-8") == "# BLOCK\n\n"
    assert append_step_summary(path, ["x" * 1_048_576, "short"])
    assert path.read_text(encoding="utf-8") == "# BLOCK\n\nshort\n\n"
    path.write_bytes(b"x" * 1_048_576)
    assert not append_step_summary(path, ["y", "z"])
    assert path.stat().st_size == 1_048_576


COMMENT = """\
<!-- flink-agents-gate -->
## BLOCK: flink agents gate

2 passed, 1 failed, 2 skipped, 1 waived, 2 not run. Run by engine bundled. Not covered: tiers container, remote; engine upstream

- **block**, scenarios: `s.yaml::refund[embedded-2.2]: output 1 is not as expected`
- **inconclusive**, could not judge: `s.yaml::slow[local-2.2]: cut short`
- **inconclusive**, could not run: `s.yaml::slow[embedded-2.2]: FA401: no cluster`
- **inconclusive**, skipped: `s.yaml::later[local-2.2]: by hand`

<details><summary>4 scenarios</summary>

| scenario | local-2.2.1 | embedded-2.2.1 |
|---|---|---|
| `refund` | passed, 1.2 s | failed, 1.2 s |
| `slow` | unknown, 1.2 s | not run, 1.2 s |
| `later` | skipped, 1.2 s | not applicable, 1.2 s |
| `known` | fails as known, 1.2 s |  |

</details>

[Report and evidence](https://ci/1) · commit c0ffeec0ffee
"""
