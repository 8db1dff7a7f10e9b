"""``junit.xml`` for CI servers: one suite for each tier and Flink version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.shorten import shorten, shorten_line

# Characters that XML 1.0 cannot hold, not even escaped.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# An outcome that is not here is an error: no server may count it as passed.
_ELEMENTS = {
    Outcome.PASSED: None,
    Outcome.FAILED: "failure",
    Outcome.FLAKY: "failure",
    Outcome.SKIPPED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
    Outcome.WAIVED: "skipped",
}


def write_junit(path: Path, results: Sequence[ItemResult], *, started: str, redactor: Redactor) -> None:
    """Write the results as JUnit's XML.

    An unknown result is an ``error``, so that no server counts it as passed.
    """
    root = Xml.Element("testsuites", name="flink agents")
    suites: dict[str, list[ItemResult]] = {}
    for result in results:
        suites.setdefault(f"{result.tier}-{result.flink_version}" if result.tier else "tests", []).append(result)
    for name, members in suites.items():
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=name,
            timestamp=started,
            tests=str(len(members)),
            failures=str(sum(_element(member) == "failure" for member in members)),
            errors=str(sum(_element(member) == "error" for member in members)),
            skipped=str(sum(_element(member) == "skipped" for member in members)),
            time=f"{sum(member.duration_s for member in members):.3f}",
        )
        for member in members:
            _case(suite, member, redactor)
    Xml.indent(root)
    write_text(path, Xml.tostring(root, encoding="utf-8", xml_declaration=True).decode() + "\n")


def _element(result: ItemResult) -> str | None:
    if result.tolerated:
        return None
    return _ELEMENTS.get(result.outcome, "error")


def _case(suite: Xml.Element, result: ItemResult, redactor: Redactor) -> None:
    def clean(text: str) -> str:
        return _ILLEGAL.sub("?", shorten_line(redactor.line(text)))

    case = Xml.SubElement(
        suite,
        "testcase",
        name=clean(result.name),
        classname=clean(result.file or result.node_id),
        file=clean(result.file),
        line=str(result.line),
        time=f"{result.duration_s:.3f}",
    )
    properties = {
        "severity": result.severity,
        "engine": result.engine,
        "runs": result.runs,
        "requirement": result.requirement,
        "owner": result.owner,
        "evidence": result.evidence,
    }
    holder = Xml.SubElement(case, "properties")
    for name, value in properties.items():
        if value:
            Xml.SubElement(holder, "property", name=name, value=clean(value))
    element = _element(result)
    if element:
        failure = Xml.SubElement(case, element, message=clean(result.message or result.outcome.value))
        failure.text = _ILLEGAL.sub("?", shorten(redactor.text(result.detail), result.evidence))
