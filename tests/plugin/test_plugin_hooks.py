"""Checks that a conftest.py adds to those of the scenarios."""

from __future__ import annotations

from plugin_project import Project, lines_of, scenario

CONFTEST = """
def quick(evidence):
    if "run" not in evidence.timings_s:
        return None
    return []


def polite(evidence):
    return [f"{one.key} is answered {one.value['said']!r}" for one in evidence.outputs if one.value["said"] == "bye"]


def pytest_flink_agents_checks(config):
    return {"quick": quick, "polite": polite}
"""


def test_checks_of_a_conftest_judge_every_scenario(project: Project) -> None:
    project.write("conftest.py", CONFTEST)
    rude = scenario("rude", said="bye").replace("value: hi", "value: bye", 1)
    project.scenarios("s", scenario("kind"), rude)
    result = project.run("--flink-gate")
    result.assert_outcomes(passed=1, failed=1)
    assert "polite: a is answered 'bye'" in lines_of(result)
    assert project.verdict()["verdict"] == "block"


def test_a_name_that_is_taken_stops_the_session(project: Project) -> None:
    project.write("conftest.py", CONFTEST.replace('"quick"', '"outputs"'))
    project.scenarios("s", scenario("kind"))
    result = project.run()
    assert result.ret != 0
    assert "the name of a check is taken" in lines_of(result)


def test_checks_of_a_nested_conftest_judge_the_scenarios_below_it(project: Project) -> None:
    strict = "def strict(evidence):\n    return ['refused']\n\n\n"
    strict += "def pytest_flink_agents_checks(config):\n    return {'strict': strict}\n"
    project.write("conftest.py", CONFTEST)
    # No argument names the directory: pytest loads its conftest.py after it has collected the first file.
    project.write("below/conftest.py", strict)
    project.scenarios("a", scenario("above"))
    project.scenarios("below/b", scenario("under"))
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    assert "refused" in lines_of(result)
    assert "below/b.scenario.yaml::under" in lines_of(result)
