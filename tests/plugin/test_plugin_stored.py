"""Sessions that end early or run a part of all items, and what the stored reports say of them."""

from __future__ import annotations

import json

import pytest
from plugin_project import Project, lines_of, scenario

from pytest_flink_agents.cli.main import main

GATE = "--flink-gate"
KILLS = "import os\nimport signal\n\n\ndef test_kills():\n    os.kill(os.getpid(), signal.SIGKILL)\n"


def test_a_killed_session_leaves_what_it_ran_and_is_inconclusive(
    project: Project, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
):
    project.scenarios("a", scenario("wrong", said="bye"), scenario("right"))
    project.write("test_kills.py", KILLS)
    project.write("test_later.py", "def test_later():\n    pass\n")
    # Not Project.run: the guards of the killed session end its processes a moment later.
    result = pytester.runpytest_subprocess("-W", "error", GATE, "--flink-tier=local", timeout=120)
    assert result.ret == -9
    verdict = project.verdict()
    assert (verdict["verdict"], verdict["finished"]) == ("inconclusive", "")
    assert "# INCONCLUSIVE" in (project.report / "summary.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["judge", str(project.report)]) == 10
    text = capsys.readouterr().out
    assert "1 passed, 1 failed, 2 not run" in text
    assert "the session ended while it ran" in text
    assert "the session has not ended: it was killed, or still runs" in text


def test_shards_run_each_item_once_and_merge_to_the_whole_session(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(project.path)
    # Not for this tier: nothing has to start.
    project.scenarios("x", *(scenario(f"n{number}", more="tiers: [embedded]\n") for number in range(6)))
    tests = "import pytest\n\n\n@pytest.mark.parametrize('number', range(6))\ndef test_it(number):\n    pass\n"
    project.write("test_it.py", tests)
    ran: list[str] = []
    for index, options in ((1, ()), (2, ("-n", "2"))):
        result = project.run(GATE, f"--flink-shard={index}/2", f"--flink-report-dir=shard{index}", *options)
        assert result.ret == 10
        assert f"this is shard {index} of 2 of 12 items" in lines_of(result)
        report = json.loads((project.path / f"shard{index}/latest/report.json").read_text(encoding="utf-8"))
        ran += [one["node_id"] for one in report["results"]]
    assert len(ran) == len(set(ran)) == 12
    assert main(["merge", "shard1/latest", "shard2/latest", "-o", "merged"]) == 10
    verdict = json.loads((project.path / "merged/verdict.json").read_text(encoding="utf-8"))
    assert verdict["counts"] | {"passed": 6, "skipped": 6} == verdict["counts"]
    assert {reason["rule"] for reason in verdict["reasons"]} == {"coverage"}, "nothing else is missing"
    capsys.readouterr()
    assert main(["diff", "shard1/latest", "merged"]) == 1
    assert "results" in capsys.readouterr().out
    result = project.run(GATE, "--flink-shard=3/2")
    assert (result.ret, "FA421: not a shard: '3/2'" in lines_of(result)) == (4, True)
