"""The submitter's requests, as far as they need no cluster."""

import contextlib
import importlib
import os
import sys
from types import ModuleType

import pytest
from pyflink import java_gateway

from flink_agents_runtime.channel import RequestError
from flink_agents_runtime.on_flink import agent_process, submitter
from flink_agents_runtime.on_flink.agent_process import environment_of
from flink_agents_runtime.on_flink.gateway import VARIABLE, use_gateway_token

THREAD = {"python.execution-mode": "thread"}


@pytest.fixture
def regions(tmp_path, monkeypatch):
    """Return a function that imports a module which reads REGION at its import."""
    (tmp_path / "region_of_test.py").write_text("import os\n\nREGION = os.environ.get('REGION')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("REGION", raising=False)
    yield lambda: __import__("region_of_test").REGION
    sys.modules.pop("region_of_test", None)


@pytest.mark.parametrize("imported_before", [True, False])
def test_each_plan_reads_the_environment_variables_of_its_own_job(regions, imported_before) -> None:
    if imported_before:
        assert regions() is None
    before = dict(os.environ)
    for region in ("eu", "us"):
        with environment_of({"REGION": region}):
            assert (regions(), os.environ["REGION"]) == (region, region)
    assert dict(os.environ) == before
    assert regions() is None


def test_an_error_restores_environment_and_modules(regions) -> None:
    assert regions() is None
    with contextlib.suppress(ValueError), environment_of({"REGION": "eu"}):
        assert regions() == "eu"
        raise ValueError("no plan")
    assert (regions(), "REGION" in os.environ) == (None, False)


def test_a_project_below_the_prefix_of_python_is_imported_anew(regions, tmp_path, monkeypatch) -> None:
    """As a project in /usr/src of an image whose Python is in /usr."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    importlib.reload(agent_process)
    try:
        assert regions() is None
        with environment_of({"REGION": "eu"}):
            assert regions() == "eu"
    finally:
        monkeypatch.undo()
        importlib.reload(agent_process)


@pytest.mark.parametrize(
    ("request_fields", "mode"),
    [({}, "thread"), ({"environment": {}}, "thread"), ({"environment": {"REGION": "eu"}}, "process")],
)
def test_a_job_with_an_environment_of_its_own_runs_in_process_mode(request_fields, mode) -> None:
    assert submitter._job_options(request_fields)["python.execution-mode"] == mode


def test_thread_mode_refuses_an_environment() -> None:
    assert submitter._job_options({"flink_config": THREAD})["python.execution-mode"] == "thread"
    with pytest.raises(RequestError, match="thread mode cannot give a job environment variables") as caught:
        submitter._job_options({"environment": {"REGION": "eu"}, "flink_config": THREAD})
    assert (caught.value.kind, caught.value.next_step) == ("plan", "remove that option")


def test_upstreams_engine_refuses_an_environment() -> None:
    with pytest.raises(RequestError, match="upstream's engine cannot") as caught:
        submitter._add_upstream_job(None, {"environment": {"REGION": "eu"}})
    assert caught.value.kind == "plan"
    assert "--flink-engine=bundled" in caught.value.next_step


def test_both_sides_of_the_gateway_get_the_token_of_the_environment(monkeypatch) -> None:
    for name in ("GatewayParameters", "CallbackServerParameters"):
        monkeypatch.setattr(java_gateway, name, getattr(java_gateway, name))
    monkeypatch.delenv(VARIABLE, raising=False)
    use_gateway_token()
    assert java_gateway.GatewayParameters(port=1).auth_token is None
    monkeypatch.setenv(VARIABLE, "t")
    use_gateway_token()
    assert java_gateway.GatewayParameters(port=1).auth_token == "t"
    assert java_gateway.CallbackServerParameters(port=1).auth_token == "t"
    assert VARIABLE not in os.environ


def test_a_process_that_has_imported_beam_keeps_it(monkeypatch) -> None:
    beam = ModuleType("apache_beam")
    monkeypatch.setitem(sys.modules, "apache_beam", beam)
    submitter._import_descriptors()
    assert sys.modules["apache_beam"] is beam
