"""The public names of each package; a change here is one for users and belongs in the changelog."""

from __future__ import annotations

from importlib import import_module

import pytest

MAX_NAMES = 20
PUBLIC_NAMES = {
    "flink_agents_runtime": [
        "ActionFailure",
        "Configuration",
        "ConfigurationError",
        "FlinkEnvironment",
        "LocalEnvironment",
        "LocalHost",
        "LocalResult",
        "MissingResourceError",
        "OptionError",
        "PlanError",
        "ResourceError",
        "StoreError",
        "build_plan",
        "load_plan",
        "plan_of",
    ],
    "flink_testbed": [
        "ClusterConfig",
        "ContainerCluster",
        "EmbeddedBroker",
        "EmbeddedFlink",
        "FlinkCluster",
        "FlinkContainers",
        "FlinkRelease",
        "HostError",
        "KafkaContainer",
        "KafkaRecord",
        "KafkaService",
        "ModelServer",
        "Problem",
        "ProblemError",
        "RemoteCluster",
        "RestAccess",
        "StandaloneCluster",
        "WaitTimeoutError",
        "resolve_flink",
        "wait_until",
    ],
    "pytest_flink_agents": [
        "AfterCheckpoints",
        "AfterOutputs",
        "AfterSeconds",
        "AgentFailedError",
        "AgentRefusedError",
        "AgentRunner",
        "AgentScript",
        "ClusterConfig",
        "Event",
        "Evidence",
        "Failure",
        "FlinkCluster",
        "HostError",
        "KafkaRecord",
        "KafkaService",
        "ModelServer",
        "Output",
        "Step",
        "TakeSavepoint",
        "matches",
    ],
}
EACH_PACKAGE = pytest.mark.parametrize("package", sorted(PUBLIC_NAMES))


@EACH_PACKAGE
def test_the_public_names_are_these(package: str) -> None:
    assert import_module(package).__all__ == PUBLIC_NAMES[package]
    assert len(PUBLIC_NAMES[package]) <= MAX_NAMES


# The runtime's names need flink_agents, so tests/runtime/test_public_names.py loads them.
@pytest.mark.parametrize("package", sorted({*PUBLIC_NAMES} - {"flink_agents_runtime"}))
def test_each_public_name_is_loaded_at_first_use(package: str) -> None:
    module = import_module(package)
    for name in PUBLIC_NAMES[package]:
        vars(module).pop(name, None)
        assert getattr(module, name).__name__ == name
        assert name in vars(module)


@EACH_PACKAGE
def test_other_names_are_attribute_errors(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'FlinkCluser'"):
        import_module(package).FlinkCluser  # noqa: B018


@EACH_PACKAGE
def test_public_names_are_listed_by_dir(package: str) -> None:
    assert set(PUBLIC_NAMES[package]) <= set(dir(import_module(package)))
