"""The choice of the engine, and its additions to a cluster."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flink_testbed.artifacts.agents_package import upstream_jars
from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.core.problem import HostError
from flink_testbed.flink.config import Addresses, ClusterConfig, flink_options
from pytest_flink_agents.provision.engine_choice import choose_engine, engine_settings, require_bundled, require_java
from pytest_flink_agents.vocabulary import Engine


@pytest.fixture
def environment(tmp_path: Path):
    """Return a function that makes a job environment with jars below ``flink_agents/lib``."""

    def make(*jars: str, flink: str = "2.2.1", flink_agents: str = "0.3.1") -> JobEnvironment:
        lib = tmp_path / "flink_agents" / "lib"
        for name in jars:
            (lib / name).parent.mkdir(parents=True, exist_ok=True)
            (lib / name).write_text(name)
        found, reason = upstream_jars(lib, flink)
        return JobEnvironment(
            tmp_path / "python", "3.11.7", flink, flink_agents, tmp_path, tmp_path / "pyflink", found, reason, "d"
        )

    return make


def test_auto_is_upstream_if_there_are_jars_for_this_flink(environment) -> None:
    engine = choose_engine(Engine.AUTO, environment("common/all.jar", "flink-2.2/thin.jar", "flink-1.20/thin.jar"))
    assert (engine.name, [jar.name for jar in engine.jars]) == (Engine.UPSTREAM, ["all.jar", "thin.jar"])
    digest = hashlib.sha256(b"flink-2.2/thin.jar").hexdigest()
    assert engine.in_words().startswith("upstream 0.3.1: all.jar sha256 ")
    assert f"thin.jar sha256 {digest}" in engine.in_words()


def test_auto_takes_the_single_jar_of_0_1(environment) -> None:
    engine = choose_engine(Engine.AUTO, environment("dist-0.1.1.jar", flink="1.20.3", flink_agents="0.1.1"))
    assert (engine.name, [jar.name for jar in engine.jars]) == (Engine.UPSTREAM, ["dist-0.1.1.jar"])


def test_auto_is_bundled_without_jars_and_says_why(environment) -> None:
    engine = choose_engine(Engine.AUTO, environment())
    assert engine.in_words() == "bundled (upstream not available: the installed flink-agents holds no jars)"


def test_bundled_is_chosen_even_if_there_are_jars(environment) -> None:
    engine = choose_engine(Engine.BUNDLED, environment("common/all.jar", "flink-2.2/thin.jar"))
    assert (engine.name, engine.jars, engine.in_words()) == (Engine.BUNDLED, (), "bundled")


@pytest.mark.parametrize(
    ("jars", "seen"),
    [
        ((), "flink-agents 0.3.1: the installed flink-agents holds no jars"),
        (("common/all.jar", "flink-1.20/thin.jar"), "holds no jars for Flink 2.2"),
        (("dist-0.1.1.jar",), "holds no jars for Flink 2.2"),
    ],
)
def test_upstream_without_its_jars_is_refused(environment, jars: tuple[str, ...], seen: str) -> None:
    with pytest.raises(HostError) as caught:
        choose_engine(Engine.UPSTREAM, environment(*jars))
    problem = caught.value.problems[0]
    assert (problem.code, problem.expected) == ("FA424", "flink-agents with its jars for Flink 2.2")
    assert seen in problem.seen
    assert problem.where.endswith("flink_agents/lib")
    assert "--flink-engine=bundled" in problem.next_step


@pytest.mark.parametrize("version", ["0.1.1", "0.2.1", "1.0.0"])
def test_the_bundled_engine_refuses_other_apis(environment, version: str) -> None:
    with pytest.raises(HostError, match=f"FA425.*{version}") as caught:
        require_bundled(environment("flink-2.2/thin.jar", flink_agents=version))
    assert "--flink-engine=upstream" in caught.value.problems[0].next_step
    with pytest.raises(HostError, match="FA425"):
        choose_engine(Engine.BUNDLED, environment(flink_agents=version))


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.3.dev0", "0.4.dev0", "0.4.0"])
def test_the_bundled_engine_takes_every_0_3_and_0_4(environment, version: str) -> None:
    assert choose_engine(Engine.BUNDLED, environment(flink_agents=version)).name == "bundled"


def test_a_cluster_for_upstream_has_its_jars_and_loads_them_once(environment, tmp_path: Path) -> None:
    engine = choose_engine(Engine.UPSTREAM, environment("common/all.jar", "flink-2.2/thin.jar"))
    settings = engine_settings(engine, "21.0.8")
    assert settings.classes == engine.jars
    assert settings.java_flags == ("--add-exports=java.base/jdk.internal.vm=ALL-UNNAMED",)
    config = ClusterConfig(flink_options=settings.flink_options, classes=settings.classes)
    options = flink_options(config, Addresses(1, 2), directory=tmp_path, python=tmp_path / "python")
    assert options["classloader.parent-first-patterns.additional"] == "pemja.;org.apache.flink.agents."
    assert options["env.java.opts.all"] == "--add-exports=java.base/jdk.internal.vm=ALL-UNNAMED"


def test_java_17_gets_no_flag_that_it_does_not_know(environment) -> None:
    engine = choose_engine(Engine.UPSTREAM, environment("dist-0.1.1.jar", flink="1.20.3", flink_agents="0.1.1"))
    settings = engine_settings(engine, "17.0.9")
    assert settings.java_flags == ()
    assert "env.java.opts.all" not in settings.flink_options


def test_the_bundled_engine_adds_nothing_to_a_cluster(environment) -> None:
    settings = engine_settings(choose_engine(Engine.BUNDLED, environment()), "21.0.8")
    assert (settings.classes, settings.java_flags, dict(settings.flink_options)) == ((), (), {})


def test_a_java_agent_needs_upstreams_engine(environment) -> None:
    without = environment()
    with pytest.raises(HostError) as caught:
        require_java(choose_engine(Engine.AUTO, without), without)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("FA424", "a Java agent runs on upstream's engine only")
    assert "holds no jars" in problem.seen
    assert [way in problem.next_step for way in ("--flink-agents", "job: {jar: ...}", "in Python")] == [True] * 3
    having = environment("flink-2.2/thin.jar")
    require_java(choose_engine(Engine.AUTO, having), having)
