"""report.html: what a reader finds on it, and that it opens from disk alone."""

from __future__ import annotations

import dataclasses
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

from pytest_flink_agents.gate import ItemResult, Outcome, Policy, Verdict, decide
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.page import PageFacts, write_page
from pytest_flink_agents.vocabulary import Promise, Standing, Tier

VOID = {"meta", "br", "img"}
SECRET = "p&ss<word>secret"


class Outline(HTMLParser):
    """The open elements, ids and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.addresses += [given[name] or "" for name in ("href", "src") if name in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"


def page_of(folder: Path, verdict: Verdict, results: list[ItemResult], redactor: Redactor | None = None) -> str:
    facts = PageFacts(
        dataclasses.replace(verdict, results=tuple(results)), {"python": "3.11", "java": ""}, "2026-11-29T21:00:00Z"
    )
    write_page(folder / "report.html", facts, redactor or Redactor({}))
    return (folder / "report.html").read_text(encoding="utf-8")


def outline(page: str) -> Outline:
    parsed = Outline()
    parsed.feed(page)
    assert parsed.open == []
    return parsed


def test_promises_of_runs_with_faults_are_a_table_with_reasons(
    tmp_path: Path, results: list[ItemResult], verdict: Verdict
) -> None:
    assert "Promises" not in page_of(tmp_path, verdict, results)
    promises = Promise("outputs", Standing.KEPT), Promise("live again", Standing.BROKEN, "<never> & again")
    page = page_of(tmp_path, verdict, [dataclasses.replace(results[1], promises=promises)])
    outline(page)
    assert '<th scope="row">refund (embedded-2.2.1, bundled)</th>\n<td class="kept">kept</td>' in page
    assert '<td class="broken">broken</td>' in page
    assert "refund (embedded-2.2.1, bundled): live again broken: &lt;never&gt; &amp; again" in page


def test_the_page_has_verdict_reasons_table_failures_and_environment(
    tmp_path: Path, results: list[ItemResult], verdict: Verdict
) -> None:
    page = page_of(tmp_path, verdict, results)
    text = " ".join(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]).split())
    order = [
        "BLOCK",
        "Do not promote",
        "what failed first",
        "2 passed 1 failed",
        "engine bundled",
        "Not covered: tiers container, remote",
        "Why",
        "block scenarios · refund embedded-2.2.1 output 1 is not as expected",
        "Scenarios",
        "Not passed",
    ]
    places = [text.index(words) for words in [*order, "Passed, skipped and known", "Ran on python 3.11"]]
    assert places == sorted(places)
    # Also on the first screen.
    assert text.count("pytest &#39;s.yaml::refund[embedded-2.2]&#39;") == 2
    assert "refund embedded-2.2.1 s.yaml:3" in text
    assert "expected: 1 seen: 2" in text
    assert "java" not in text


def test_every_link_leads_to_a_place_on_the_page_or_in_the_run_folder(
    tmp_path: Path, results: list[ItemResult], verdict: Verdict
) -> None:
    parsed = outline(page_of(tmp_path, verdict, results))
    assert len(parsed.ids) == len(set(parsed.ids))
    inside = [address for address in parsed.addresses if address.startswith("#")]
    assert {address[1:] for address in inside} <= set(parsed.ids)
    assert [address for address in parsed.addresses if address not in inside] == ["artifacts/refund/1/"]
    assert "script" not in parsed.elements


def test_links_of_evidence_to_elsewhere_are_not_followed(
    tmp_path: Path, results: list[ItemResult], verdict: Verdict
) -> None:
    """The run folder of a shard comes from another machine."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "timeline.svg").write_text("<svg/>", encoding="utf-8")
    finding = '{"message": "secret", "expected": 1, "seen": 2, "key": null}'
    checks = f'[{{"validity": "invalid", "findings": [{finding}]}}]'
    (tmp_path / "secret" / "evidence.json").write_text(
        f'{{"checks": {checks}, "places": [{{"place": "p", "lines": []}}], "evidence": {{"steps": [], "events": []}}}}',
        encoding="utf-8",
    )
    for place in ("folder", "file"):
        folder = tmp_path / place
        evidence = folder / results[1].evidence
        evidence.parent.mkdir(parents=True)
        if place == "folder":
            evidence.symlink_to(tmp_path / "secret", target_is_directory=True)
        else:
            evidence.mkdir()
            for name in ("evidence.json", "timeline.svg"):
                (evidence / name).symlink_to(tmp_path / "secret" / name)
        page = page_of(folder, verdict, results)
        assert "secret" not in page
        assert "data:image" not in page.partition("<body>")[2]
    # The same files in the folder are shown.
    folder = tmp_path / "inside"
    shutil.copytree(tmp_path / "secret", folder / results[1].evidence)
    page = page_of(folder, verdict, results)
    assert "secret" in page
    assert "data:image" in page.partition("<body>")[2]


def test_the_page_of_a_promotion_claims_no_rule_that_nobody_stated(tmp_path: Path, results: list[ItemResult]) -> None:
    passed = [dataclasses.replace(results[0], tier=Tier.EMBEDDED), dataclasses.replace(results[6], severity="warn")]
    page = page_of(tmp_path, decide(passed, Policy("default", (Tier.EMBEDDED,))), passed)
    assert "Promote: what was asked for ran, and nothing failed that counts." in page
    assert "rule is met" not in page


def test_a_reason_leads_to_its_result(tmp_path: Path, results: list[ItemResult], verdict: Verdict) -> None:
    page = page_of(tmp_path, verdict, results)
    found = re.search(r'<a class="chip" href="#(result-\d+)">embedded-2.2.1</a> <p>output 1', page)
    assert found
    assert re.search(rf'<details id="{found[1]}" open>\s*<summary><strong class="failed">', page)


def test_reasons_that_differ_only_in_the_tier_are_one(tmp_path: Path, results: list[ItemResult]) -> None:
    failed = results[1]
    other = dataclasses.replace(failed, node_id="s.yaml::refund[local-2.2]", tier=Tier.LOCAL)
    page = page_of(tmp_path, decide([failed, other], Policy(tiers=(Tier.LOCAL, Tier.EMBEDDED))), [failed, other])
    why = page.partition('id="why"')[2].partition("</ul>")[0]
    assert why.count("<b>refund</b>") == 1
    assert re.findall(r'class="chip" href="#[^"]+">([^<]+)<', why) == ["embedded-2.2.1", "local-2.2.1"]


def test_what_did_not_pass_comes_first_and_is_open(tmp_path: Path, results: list[ItemResult], verdict: Verdict) -> None:
    page = page_of(tmp_path, verdict, results)
    opened = re.findall(r'<details id="[^"]+"( open)?>\s*<summary><strong class="(\w+)"', page)
    assert opened[:3] == [(" open", "failed"), (" open", "unknown"), (" open", "not_run")]
    assert {state for state, _ in opened[3:]} == {""}


def test_the_picture_of_a_run_is_on_the_page(tmp_path: Path, results: list[ItemResult], verdict: Verdict) -> None:
    folder = tmp_path / "artifacts/refund/1"
    folder.mkdir(parents=True)
    (folder / "timeline.svg").write_text("<svg/>", encoding="utf-8")
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page_of(tmp_path, verdict, results)
    (folder / "timeline.svg").write_text("<svg/>" * 20_000, encoding="utf-8")
    assert "data:image" not in page_of(tmp_path, verdict, results).partition("<body>")[2]


def test_texts_of_jobs_are_masked_and_are_no_html(tmp_path: Path, results: list[ItemResult]) -> None:
    hostile = f"<script>alert(1)</script> {SECRET} </pre></details>"
    failed = dataclasses.replace(
        results[1], name=hostile, message=hostile, detail=hostile, reproduce=hostile, owner=hostile, evidence='a"b'
    )
    page = page_of(
        tmp_path, decide([failed], Policy("default", (Tier.EMBEDDED,))), [failed], Redactor({"API_KEY": SECRET})
    )
    parsed = outline(page)
    assert "script" not in parsed.elements
    assert "ss&lt;word" not in page
    assert SECRET not in page
    assert "a%22b/" in parsed.addresses


def test_two_hundred_failures_stay_below_three_megabytes(tmp_path: Path, results: list[ItemResult]) -> None:
    failures = [
        dataclasses.replace(results[1], node_id=f"s.yaml::n{number}", name=f"n{number}", detail='say "no"\n' * 20_000)
        for number in range(200)
    ]
    verdict = decide(failures, Policy("default", (Tier.EMBEDDED,)))
    page = page_of(tmp_path, verdict, failures)
    assert 500_000 < len(page) < 3_000_000
    assert page.count("<details") == 200
    assert page.count(" open>") == 20


def test_a_session_without_results_is_a_page(tmp_path: Path) -> None:
    page = page_of(tmp_path, decide([], Policy("default", (Tier.EMBEDDED,))), [])
    assert "nothing ran" in page
    outline(page)


def test_each_outcome_has_words(tmp_path: Path, results: list[ItemResult]) -> None:
    each = [dataclasses.replace(results[0], node_id=str(outcome), outcome=outcome) for outcome in Outcome]
    page = page_of(tmp_path, decide(each, Policy("default", (Tier.LOCAL,))), each)
    for words in ("not applicable", "fails as known", "not run", "flaky"):
        assert words in page
