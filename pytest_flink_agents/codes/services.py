"""Codes FA4xx of Flink, Kafka and the container engine: faults of the environment.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_flink_agents.codes.entry import ErrorCode, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

_code = partial(ErrorCode, Fault.ENVIRONMENT)

_FLINK: Mapping[str, ErrorCode] = {
    "FA404": _code(
        "Flink's REST API does not answer",
        "The JobManager is not up yet, or it has died.",
        "Read the JobManager's log in the run folder.",
    ),
    "FA405": _code(
        "Flink refused a REST call", "Flink's own reason is below the message.", "Correct the call that Flink rejected."
    ),
    "FA406": _code(
        "The cluster was not ready in time",
        "Both JVMs run, but not all slots were registered. The logs in the run folder show whether the TaskManager "
        "found the JobManager.",
        "On a slow machine use --flink-startup-timeout=120.",
    ),
    "FA407": _code(
        "A Flink process died",
        "The end of its log gives the reason, most often lack of memory.",
        "Read the log, and free memory if that is the reason.",
    ),
    "FA457": _code(
        "The cluster was ended during the run",
        "A job on it could not be cancelled: an action that never returns holds a thread of its TaskManager, which Flink "
        "itself ends only after three minutes, with all other jobs on it. So the harness ends the cluster, and scenarios "
        "that ran beside that job run again on a new one.",
        "Correct the agent that the message names, or run again.",
    ),
    "FA458": _code(
        "Java sources cannot be compiled",
        "The classes between a Java agent and a scenario's inputs are compiled once, against the Flink and the "
        "flink-agents of the job environment. The compiler's messages follow.",
        "Use a release of flink-agents that this version supports, and please report it.",
    ),
    "FA440": _code(
        "The cluster does not support this operation",
        "No process of that name is running, or the cluster was not started by this session: on the remote tier no "
        "process is killed, paused or added.",
        "Use a tier that starts its own cluster.",
    ),
    "FA441": _code(
        "A job ended too early",
        "The test waited for another state. Flink's reason is below the message.",
        "Correct the job, or wait for the state that it reaches.",
    ),
    "FA442": _code(
        "A savepoint failed",
        "Flink's reason is below the message.",
        "Correct what the reason names, then run again.",
    ),
    "FA443": _code(
        "The remote cluster has another Flink version",
        "Jobs are built with the same release that runs them, because the cluster reads what the client serialises.",
        "Pass the cluster's version to --flink-version.",
    ),
    "FA444": _code(
        "Flink's REST API denies access",
        "The token is read from FLINK_AGENTS_TEST_REST_TOKEN and sent as a Bearer token. FLINK_AGENTS_TEST_REST_CA is "
        "the PEM file of the trusted authority; FLINK_AGENTS_TEST_REST_CERT and FLINK_AGENTS_TEST_REST_KEY are those of "
        "a client certificate.",
        "Correct the token or the certificates.",
    ),
    "FA445": _code(
        "A key store cannot be created from the TLS files",
        "Flink's client accepts PKCS12 stores only. Java's keytool creates the store of trusted certificates, openssl "
        "the store of a client certificate and its key, and the key of --flink-rest-auth.",
        "Check the PEM files, and install openssl if it is missing.",
    ),
    "FA446": _code(
        "The cluster cannot read this machine's files",
        "Short runs exchange inputs and outputs through files, which the cluster must reach under the same path.",
        "Share the directory with the cluster, or pass --kafka-bootstrap so that records travel through Kafka.",
    ),
    "FA447": _code(
        "The cluster did not take an option",
        "The configuration that the cluster reports differs from the one that it was started with. A run on it proves "
        "nothing about a job in that configuration. The message names each option, its source, and the value with which "
        "the cluster ran.",
        "Read the logs of the cluster in the run folder, or remove the option.",
    ),
}

_KAFKA: Mapping[str, ErrorCode] = {
    "FA453": _code(
        "Kafka was not ready in time",
        "The brokers were started, or were named by an option, but not all of them answer. A remote broker that is up "
        "and does not answer usually advertises an address that is unreachable from this machine; one that refuses a login "
        "or certificates is not waited for.",
        "On a slow machine use --flink-startup-timeout=120; for a remote broker check its advertised listeners.",
    ),
    "FA454": _code(
        "A Kafka broker died",
        "The end of its log gives the reason, most often lack of memory.",
        "Read the log, and free memory if that is the reason.",
    ),
    "FA455": _code(
        "Kafka refused a request",
        "The message names the request; Kafka's own reason is below it.",
        "Correct what the reason names.",
    ),
    "FA456": _code(
        "Kafka cannot format a data directory",
        "Its storage tool runs once for new jars, and every broker gets a copy of the result. The usual reason is a "
        "Java in JAVA_HOME that this Kafka does not support.",
        "Unset JAVA_HOME, or point it to another Java.",
    ),
    "FA459": _code(
        "A range of a topic cannot be exported",
        "A file with fewer records than the range would make every comparison over it one of something else. So nothing is "
        "written if records of the range are gone or are not committed yet, if there are more than the limit, or if a scenario "
        "could not read one of them.",
        "Correct what the message names: begin later, end earlier, or name the format of keys and values.",
    ),
}

_CONTAINERS: Mapping[str, ErrorCode] = {
    "FA470": _code(
        "No container engine answers",
        "The container tier needs Docker, or Podman with its socket service. DOCKER_HOST, the current Docker context "
        "and ~/.testcontainers.properties are honoured.",
        "Start the engine, or use the local or embedded tier, which need none.",
    ),
    "FA471": _code(
        "An image is not available",
        "The engine does not have the image and cannot pull it: no network, unknown name, or missing login.",
        "Run `docker pull` for details. On a machine without a registry use `docker load` or `docker import`.",
    ),
    "FA472": _code(
        "An image cannot be built",
        "The end of the engine's output is below the message.",
        "Correct what the output names.",
    ),
    "FA473": _code(
        "The container engine refused a request",
        "The engine's own reason is below the message. Usual reasons are a full disk and too many networks.",
        "Correct what the reason names.",
    ),
    "FA474": _code(
        "An image does not match the job environment",
        "Jobs are built on this machine and run in containers, so both need the same Flink, the same flink-agents and "
        "the same minor version of Python. An image must have them on python3's path, and a Java in JAVA_HOME or on "
        "PATH.",
        "Rebuild the image with matching versions, or leave --flink-image out.",
    ),
    "FA475": _code(
        "The container engine runs on another machine",
        "Containers mount the run folder and publish their ports on the loopback interface of the engine's machine. "
        "Neither works across machines.",
        "Use an engine on this machine, or --flink-tier=remote.",
    ),
}

CODES: Mapping[str, ErrorCode] = MappingProxyType({**_FLINK, **_KAFKA, **_CONTAINERS})
