"""What a container of ours may do, and what it may not."""

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


def test_it_may_do_nothing_that_it_need_not() -> None:
    """No capability, no new privileges, not privileged, a root file system that is only read, as the caller's user."""
    given = arguments()
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert (given["privileged"], given["read_only"], given["user"]) == (False, True, "1000:1000")
    assert not {"cap_add", "devices", "network_mode", "pid_mode", "volumes"}.intersection(given)


def test_memory_swap_processes_and_logs_are_bounded() -> None:
    """Swap is no way around the memory limit, and what it prints does not fill the disk."""
    given = arguments()
    assert (given["mem_limit"], given["memswap_limit"], given["pids_limit"]) == ("512m", "512m", 99)
    assert int(LOG_LIMITS["max-size"].rstrip("m")) * int(LOG_LIMITS["max-file"]) <= 32


def test_its_port_is_published_on_loopback_alone() -> None:
    """One port of the container, one of this machine, and no other address."""
    assert arguments()["ports"] == {"8081/tcp": ("127.0.0.1", 20001)}


def test_the_command_is_ours_and_not_the_images() -> None:
    """An entry point of the image would get our command as arguments: it is replaced."""
    given = arguments()
    assert (given["entrypoint"], given["command"]) == (["/bin/java"], ["-Xmx64m", "Main"])


def test_an_image_may_be_left_its_own_command_and_user() -> None:
    """Without a command nothing is put in the place of the image's."""
    given = replace(SPEC, command=(), user="").arguments("ours", {})
    assert not {"entrypoint", "command"}.intersection(given)
    assert given["user"] == ""


def test_inner_directories_are_mounted_after_outer_ones() -> None:
    """The run folder lies in the project: mounted before it, it would be hidden. Only what is said to be is writable."""
    targets = [(mount["target"], mount["read_only"]) for mount in SPEC.mounts()]
    assert targets.index(("/home/ada/project", True)) < targets.index(("/home/ada/project/reports/run", False))
    assert ("/run/sockets", False) in targets


def test_no_engine_is_given_into_a_container() -> None:
    """Whoever has an engine's socket has the machine."""
    assert not [mount for mount in SPEC.mounts() if "docker" in mount["source"] or "podman" in mount["source"]]
