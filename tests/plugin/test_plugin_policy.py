"""A policy file in a user's project: which profile counts, what the reports say, and what is refused."""

from __future__ import annotations

import datetime
import subprocess

from plugin_project import Project, lines_of, scenario

GATE = "--flink-gate"
COMMIT = ("-c", "user.name=a", "-c", "user.email=a@b", "commit")
SOON = (datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=30)).isoformat()
POLICY = f"""version: "1"
default: quick
profiles:
  quick:
    require: {{tiers: [local], tags: [greeting], scenarios: 1}}
    limits: [{{tags: [greeting], latency_p95: 1m}}]
    waivers:
      - scenario: x.scenario.yaml::wrong
        check: outputs
        failure: {{contains: "hi"}}
        reason: ticket 17
        owner: sales
        until: "{SOON}"
  release:
    require: {{tiers: [embedded], repeats: 2}}
"""


def test_a_profile_decides_and_every_report_names_its_rules(project: Project):
    project.write("flink-agents-policy.yaml", POLICY)
    project.scenarios("x", scenario("right", more="tags: [greeting]\n"), scenario("wrong", said="bye"))
    for arguments in (("init", "-q"), ("add", "shop.py"), (*COMMIT, "-qm", "Sell tea")):
        subprocess.run(["git", *arguments], cwd=project.path, check=True)
    # An agent or a test that changes the policy does not change the verdict.
    project.write(
        "conftest.py",
        "from pathlib import Path\n"
        "def pytest_collection_finish(session):\n    Path('flink-agents-policy.yaml').write_text('nothing')\n",
    )
    result = project.run(GATE)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "PROMOTE  2 scenarios on local-2.2.1, engine bundled: 1 passed, 1 waived",
            "  policy: flink-agents-policy.yaml, profile quick: 4 of 4 rules met",
        ]
    )
    verdict = project.verdict()
    assert (verdict["verdict"], verdict["profile"], verdict["policy"]) == (
        "promote",
        "quick",
        "flink-agents-policy.yaml",
    )
    assert [(one["rule"], one["answer"], one["demanded"]) for one in verdict["rules"]] == [
        ("require.tiers", "met", "local"),
        ("require.tags", "met", "greeting"),
        ("require.scenarios", "met", "at least 1"),
        ("limits[0].latency_p95", "met", "at most 60000 ms in scenarios with greeting"),
    ]
    assert len(verdict["git"]["commit"]) == 40
    # The scenario is not committed.
    assert (verdict["git"]["dirty"], verdict["git"]["reason"]) == (True, "")
    assert verdict["rules"][3]["seen"].endswith(" ms in x.scenario.yaml::right[local-2.2]")
    (waiver,) = verdict["waivers"]
    assert waiver["owner"] == "sales"
    assert waiver["message"].startswith(f"ticket 17 (until {SOON}, flink-agents-policy.yaml:8; seen: output 1 is not")
    summary = (project.report / "summary.md").read_text(encoding="utf-8")
    assert "flink-agents-policy.yaml, profile quick" in summary
    assert "| require.tags | greeting | met | 1 run passed |" in summary
    assert "| wrong | sales | fails as known" in summary
    page = (project.report / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row">require.tags</th><td>greeting</td><td class="promote">met</td>' in page


def test_figures_are_compared_with_an_earlier_session(project: Project):
    project.scenarios("x", scenario("right"))
    rules = "require: {tiers: [local]}, baseline: [{duration: 1m, latency_p95: 1m}, {tokens: 10%}]"
    project.write("flink-agents-policy.yaml", f'version: "1"\ndefault: r\nprofiles: {{r: {{{rules}}}}}\n')
    assert project.run(GATE).ret == 10
    before = project.report.resolve()
    result = project.run(GATE, f"--flink-baseline={before.relative_to(project.path)}")
    verdict = project.verdict()
    # The agent has no model.
    assert (result.ret, [one["answer"] for one in verdict["rules"]]) == (10, ["met", "met", "met", "unknown"])
    assert verdict["baseline"]["name"] == f"{before.relative_to(project.path)}/report.json"
    assert "| x.scenario.yaml::right[local-2.2] | duration |" in (project.report / "summary.md").read_text("utf-8")
    refused = project.run("--flink-baseline=nothing")
    assert (refused.ret, "--flink-baseline=nothing: FA430: there is no stored run" in lines_of(refused)) == (4, True)


def test_another_profile_demands_more_and_a_failure_without_waiver_blocks(project: Project):
    project.write("flink-agents-policy.yaml", POLICY)
    project.scenarios("x", scenario("right"), scenario("wrong", said="bye"))
    result = project.run(GATE, "--flink-profile=release")
    assert result.ret == 1
    assert [reason["message"] for reason in project.verdict()["reasons"] if reason["rule"] == "policy"] == [
        "require.tiers: embedded: not met: no run passed",
        "require.repeats: at least 2 runs of each scenario: not met: 1 of x.scenario.yaml::right[local-2.2]",
    ]


def test_code_that_changes_while_the_session_runs_is_no_answer(project: Project):
    project.write("flink-agents-policy.yaml", POLICY)
    project.scenarios("x", scenario("right", more="tags: [greeting]\n"))
    project.write(
        "conftest.py",
        "from pathlib import Path\n"
        "def pytest_runtest_teardown():\n    Path('shop.py').write_text('# gone')\n    Path('notes.txt').write_text('1')\n",
    )
    result = project.run(GATE)
    assert result.ret == 10
    (reason,) = [one for one in project.verdict()["reasons"] if one["kind"] == "inconclusive"]
    assert (reason["rule"], reason["message"].partition(":")[0]) == (
        "identity",
        "shop.py changed or appeared while the session ran, or cannot be read",
    )
    assert "no repository" in project.verdict()["git"]["reason"] or "not a git" in project.verdict()["git"]["reason"]


def test_the_identity_has_the_plan_of_each_scenario(project: Project):
    server = "resources:\n  chat_model_connections: [{name: s, clazz: ollama, base_url: '${llm.ollama_url}'}]\n"
    project.scenarios("x", scenario("right", more=server))
    identities = []
    for _ in range(2):
        assert project.run().ret == 0
        verdict = project.verdict()
        plans = {part["name"]: part["digest"] for part in verdict["parts"] if part["name"].startswith("plan of ")}
        assert list(plans) == ["plan of x.scenario.yaml::right[local-2.2], engine bundled"]
        identities.append((plans, verdict["identity_digest"]))
    # The model's server has another address in each session.
    assert identities[0] == identities[1]
    shop = project.path / "shop.py"
    shop.write_text(shop.read_text().replace("def echo(", "def answer("))
    assert project.run().ret == 0
    parts = {part["name"]: part["digest"] for part in project.verdict()["parts"]}
    ((name, before),) = identities[0][0].items()
    assert parts[name].startswith("sha256:")
    assert parts[name] != before


def test_a_wrong_policy_or_profile_ends_the_session_before_anything_starts(project: Project):
    project.scenarios("x", scenario("right"))
    named = project.run(GATE, "--flink-profile=release")
    assert named.ret == 4
    assert "--flink-profile=release: FA305: there is no profile 'release'" in lines_of(named)
    missing = project.run(GATE, "--flink-policy=policies/p.yaml")
    assert missing.ret == 4
    assert "policies/p.yaml: FA307: the policy file cannot be read" in lines_of(missing)
    project.write("policies/p.yaml", POLICY.replace("require:", "requires:"))
    for arguments, code in (((), "FA302"), (("--collect-only",), "FA302")):
        result = project.run("--flink-policy=policies/p.yaml", *arguments)
        assert result.ret == 4
        assert f"policies/p.yaml:5:5: {code}: unknown key" in lines_of(result)
        assert f"policies/p.yaml:15:5: {code}: unknown key" in lines_of(result)
    project.write("policies/p.yaml", POLICY)
    unknown = project.run("--flink-policy=policies/p.yaml", "--flink-profile=relase")
    assert unknown.ret == 4
    assert 'did you mean "release"?' in lines_of(unknown)
