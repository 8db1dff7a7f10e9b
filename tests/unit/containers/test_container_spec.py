"""The restrictions of a container."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flink_testbed.containers.spec import LOG_LIMITS, ContainerSpec, Shared

SPEC = ContainerSpec(
    "jobmanager",
    "some/image:1",
    ("/bin/java", "-Xmx64m", "Main"),
    "1000:1000",
    memory_mib=512,
    processes=99,
    network="together",
    shared=(
        Shared(Path("/home/ada/project/reports/run"), writable=True),
        Shared(Path("/home/ada/project")),
        Shared(Path("/tmp/sockets"), writable=True, at="/run/sockets"),
    ),
    published={8081: 20001},
)


def arguments() -> dict[str, object]:
    return SPEC.arguments("ours-jobmanager", {"whose": "ours"})


def test_a_container_has_no_privileges() -> None:
    given = arguments()
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert (given["privileged"], given["read_only"], given["user"]) == (False, True, "1000:1000")
    assert not {"cap_add", "devices", "network_mode", "pid_mode", "volumes"}.intersection(given)


def test_memory_swap_processes_and_logs_are_limited() -> None:
    given = arguments()
    assert (given["mem_limit"], given["memswap_limit"], given["pids_limit"]) == ("512m", "512m", 99)
    assert int(LOG_LIMITS["max-size"].rstrip("m")) * int(LOG_LIMITS["max-file"]) <= 32


def test_a_port_is_published_on_loopback_only() -> None:
    assert arguments()["ports"] == {"8081/tcp": ("127.0.0.1", 20001)}


def test_a_command_replaces_the_entry_point_of_the_image() -> None:
    """Otherwise the entry point would get the command as its arguments."""
    given = arguments()
    assert (given["entrypoint"], given["command"]) == (["/bin/java"], ["-Xmx64m", "Main"])


def test_command_and_user_of_the_image_stay_by_default() -> None:
    given = replace(SPEC, command=(), user="").arguments("ours", {})
    assert not {"entrypoint", "command"}.intersection(given)
    assert given["user"] == ""


def test_inner_directories_are_mounted_after_outer_ones() -> None:
    """Mounted before the project, the run folder inside it would be hidden."""
    targets = [(mount["target"], mount["read_only"]) for mount in SPEC.mounts()]
    assert targets.index(("/home/ada/project", True)) < targets.index(("/home/ada/project/reports/run", False))
    assert ("/run/sockets", False) in targets


def test_a_container_never_gets_the_socket_of_the_engine() -> None:
    """A process with that socket controls the machine."""
    assert not [mount for mount in SPEC.mounts() if "docker" in mount["source"] or "podman" in mount["source"]]
