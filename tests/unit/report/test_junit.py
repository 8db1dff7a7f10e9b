"""junit.xml: the structure that CI servers read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestSuite

from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.junit import write_junit
from pytest_flink_agents.vocabulary import Tier


def _written(path: Path, results: list[ItemResult]) -> Xml.Element:
    write_junit(path / "junit.xml", results, started="2026-11-23T10:00:00+00:00", redactor=Redactor({}))
    return Xml.parse(path / "junit.xml").getroot()


def test_each_tier_and_version_is_a_suite_with_counts_that_add_up(tmp_path: Path, results: list[ItemResult]) -> None:
    root = _written(tmp_path, results)
    assert root.tag == "testsuites"
    assert [suite.get("name") for suite in root] == ["local-2.2.1", "embedded-2.2.1", "tests"]
    for suite in root:
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        for count, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(count) == str(len(suite.findall(f"testcase/{element}"))), (suite.get("name"), count)
        assert float(suite.get("time", "")) == pytest.approx(sum(float(case.get("time", "")) for case in suite))


def test_a_case_has_place_time_properties_and_the_whole_failure(tmp_path: Path, results: list[ItemResult]) -> None:
    case = _written(tmp_path, results).find("testsuite[@name='embedded-2.2.1']/testcase[@name='refund']")
    assert case is not None
    assert {name: case.get(name) for name in ("classname", "file", "line", "time")} == {
        "classname": "s.yaml",
        "file": "s.yaml",
        "line": "3",
        "time": "1.250",
    }
    properties = {one.get("name"): one.get("value") for one in case.findall("properties/property")}
    assert properties == {
        "severity": "block",
        "engine": "bundled",
        "requirement": "REQ-17",
        "evidence": "artifacts/refund/1",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "output 1 is not as expected"
    assert failure.text == results[1].detail


@pytest.mark.parametrize(
    ("outcome", "element"),
    [
        (Outcome.PASSED, None),
        (Outcome.FAILED, "failure"),
        (Outcome.UNKNOWN, "error"),
        (Outcome.NOT_RUN, "error"),
        (Outcome.FLAKY, "failure"),
        (Outcome.SKIPPED, "skipped"),
        (Outcome.NOT_APPLICABLE, "skipped"),
        (Outcome.WAIVED, "skipped"),
    ],
)
def test_only_a_passed_result_has_no_element(tmp_path: Path, outcome: Outcome, element: str | None) -> None:
    case = _written(tmp_path, [ItemResult("n", "n", outcome, tier=Tier.LOCAL)]).find(".//testcase")
    assert case is not None
    assert [child.tag for child in case if child.tag != "properties"] == ([element] if element else [])


def test_characters_that_xml_cannot_hold_are_escaped_or_replaced(tmp_path: Path, results: list[ItemResult]) -> None:
    odd = "\x1b[31mred\x00 \ud800 <b>&\ufffe ü"
    case = _written(tmp_path, [dataclasses.replace(results[1], name=odd, message=odd, detail=odd)]).find(".//testcase")
    assert case is not None
    failure = case.find("failure")
    assert failure is not None
    for text in (case.get("name"), failure.get("message"), failure.text):
        assert text is not None
        assert text.startswith("\\x1b[31mred\\x00 ")
        assert text.endswith(" <b>&? ü")


def test_another_parser_reads_the_same_counts_and_results(tmp_path: Path, results: list[ItemResult]) -> None:
    _written(tmp_path, results)
    read = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    suites = [suite for suite in read if isinstance(suite, TestSuite)]
    found = {case.name: [type(one) for one in case.result] for suite in suites for case in suite}
    assert found == {"refund": [Failure], "slow": [Error], "later": [Skipped], "known": [Skipped], "test_x": []}
    (failed,) = (case for suite in suites for case in suite if [*map(type, case.result)] == [Failure])
    assert (failed.classname, failed.time, failed.result[0].message) == ("s.yaml", 1.25, "output 1 is not as expected")
    read.update_statistics()
    assert (read.tests, read.failures, read.errors, read.skipped) == (8, 1, 2, 3)


def test_megabytes_and_control_characters_are_cut_and_read_by_another_parser(
    tmp_path: Path, results: list[ItemResult]
) -> None:
    large = "\x1b]0;\x00<![CDATA[]]>" + "x" * 3_000_000
    _written(tmp_path, [dataclasses.replace(results[1], name=large, message=large, detail=large, evidence="a/b")])
    assert (tmp_path / "junit.xml").stat().st_size < 10_000
    ((case,),) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert case.result[0].text.startswith("\\x1b]0;\\x00<![CDATA[]]>xxx")
    assert case.result[0].text.endswith("all in a/b")


def test_a_session_without_results_writes_a_file_that_parses(tmp_path: Path) -> None:
    assert list(_written(tmp_path, [])) == []
