"""Codes FA4xx of the machine, the job environment and stored runs: faults of the environment.

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

CODES: Mapping[str, ErrorCode] = MappingProxyType(
    {
        "FA401": _code(
            "Deadline exceeded",
            "A process or service did not reach the expected state in time. The message names the state and what was seen "
            "last; the lines below it are the end of its log. The usual reason is a machine that is busy with other work.",
            "Check the load of the machine, then run again.",
        ),
        "FA402": _code(
            "A program cannot be started",
            "The path in the message is missing, not executable, or built for another platform.",
            "Correct the path.",
        ),
        "FA403": _code(
            "No free port",
            "Clusters use ports from 20000 to 31999 on loopback. Two hundred of them were tried, and all were in use.",
            "Find the process that holds these ports, for example with `ss -lntp`.",
        ),
        "FA408": _code(
            "Not enough free memory",
            "A cluster with one TaskManager uses about 0.7 GiB and needs 1.2 GiB free to start.",
            "Free memory, or run with --flink-tier=local, which starts no cluster.",
        ),
        "FA409": _code(
            "A helper process died",
            "The local worker or the job submitter ended unexpectedly. Usual reasons are a native crash of a library in the "
            "job environment, and sys.exit() in an agent.",
            "Read its log in the run folder.",
        ),
        "FA410": _code(
            "Unsupported Flink version",
            "Flink 1.20 (from 1.20.3), 2.0, 2.1, 2.2 and 2.3 are supported. In YAML and ini files a version is a quoted "
            "string, because 1.20 without quotes is the number 1.2.",
            "Name a supported version.",
        ),
        "FA411": _code(
            "Another session holds the lock of the cache",
            "Another pytest session is building the same job environment. Its lock is released when it finishes.",
            "Wait for the other session, or set FLINK_AGENTS_TEST_CACHE_DIR to another directory.",
        ),
        "FA412": _code(
            "Not enough disk space",
            "A job environment takes about 1.1 GB in the cache (FLINK_AGENTS_TEST_CACHE_DIR).",
            "Free disk space, or move the cache to a larger disk.",
        ),
        "FA413": _code(
            "Conflicting requirements",
            "The job environment is resolved in one step from apache-flink, flink-agents and the scenario's requirements. "
            "The message names two that cannot be installed together; flink-agents pins its own dependencies exactly.",
            "Relax one of the two requirements.",
        ),
        "FA414": _code(
            "A package registry cannot be reached",
            "Only the first run needs a registry. Mirrors and proxies for Python packages are set as for uv: "
            "UV_DEFAULT_INDEX, UV_INDEX, HTTPS_PROXY, SSL_CERT_FILE. Mirrors for jars: FLINK_AGENTS_MAVEN_MIRROR, else the "
            "mirror of central in ~/.m2/settings.xml; HTTPS_PROXY, REQUESTS_CA_BUNDLE, ~/.netrc.",
            "Check the network and these settings.",
        ),
        "FA415": _code(
            "An installation failed",
            "The end of uv's output is below the message.",
            "Correct the requirement that the output names.",
        ),
        "FA416": _code(
            "A cache entry is damaged",
            "The cached files differ from what was stored: disk error, manual edit or truncated copy.",
            "Delete the directory that the message names; the next run rebuilds it.",
        ),
        "FA417": _code(
            "Not a job environment",
            "--flink-job-python needs an interpreter whose environment contains apache-flink and flink-agents, installed in "
            "one resolve. Installing them one after the other breaks protobuf.",
            "Name another interpreter, or leave the option out.",
        ),
        "FA418": _code(
            "No suitable Python",
            "Flink and flink-agents support Python 3.10 and 3.11; Flink 2.1 and later also support 3.12.",
            "Install one of these versions.",
        ),
        "FA419": _code(
            "Unknown flink-agents",
            "--flink-agents takes a version, or the path of a wheel, sdist or source directory.",
            "Correct the option.",
        ),
        "FA420": _code(
            "The model server cannot listen",
            "The model server needs one free port on loopback.",
            "Check the loopback interface and the port range of the machine.",
        ),
        "FA421": _code(
            "Invalid option value",
            "The message names the source of the value: the command line, a variable FLINK_AGENTS_TEST_..., or the ini "
            "file, in this order of precedence.",
            "Correct the value; `pytest --help` lists all options.",
        ),
        "FA422": _code(
            "A directory is not writable",
            "The cache is written to FLINK_AGENTS_TEST_CACHE_DIR (default: the user's cache directory), reports to "
            "--flink-report-dir.",
            "Change the permissions, or name another directory.",
        ),
        "FA423": _code(
            "The pytest-xdist controller does not answer",
            "Under pytest-xdist the controller owns the clusters, and workers ask it through a socket. The controller has "
            "ended or was killed.",
            "Run again; if it happens again, run without -n and read the controller's output.",
        ),
        "FA424": _code(
            "The upstream engine is not available",
            "--flink-engine=upstream runs agents on the Java operator of flink-agents. The installed flink-agents contains "
            "no jars, or only jars for other Flink versions: releases from 0.2 on contain one set for each Flink line, 0.1 "
            "contains one jar for Flink 1.20.",
            "Choose a Flink version that its jars support, or use --flink-engine=bundled.",
        ),
        "FA425": _code(
            "The bundled engine does not support this flink-agents version",
            "The bundled engine executes agents of flink-agents 0.3 and 0.4. 0.1 and 0.2 have a class for each event and "
            "listen to classes; 1.0 is not known yet.",
            "Use flink-agents 0.3 or 0.4, or --flink-engine=upstream if its jars are installed.",
        ),
        "FA426": _code(
            "The project is too large to be shipped with its jobs",
            "A cluster that does not share this machine's files receives the import roots (the project and pytest's "
            "pythonpath) with each job: Python files, and other files of at most 1 MiB, without hidden files, virtual "
            "environments and caches.",
            "Move large files out of the import roots.",
        ),
        "FA427": _code(
            "The record of an agent's calls is not whole",
            "The effects ledger ended during the run, could not write a call, or its file misses one. A call that is "
            "missing proves nothing then, and the agent may have failed because the ledger did not answer.",
            "Look for the reason in effects-ledger.log, for too little memory and for a full disk; then run again.",
        ),
        "FA428": _code(
            "Nothing limited the connections of a run",
            "A Python test closed the network or listed addresses, but no process of its run recorded a limit: upstream's "
            "engine has none. So it is not known which machines the agent called.",
            "Use --flink-engine=bundled, or write network='open'.",
        ),
        "FA429": _code(
            "The run of a Python test cannot be judged by expect=",
            "The evidence does not suffice for what the test expects, such as memory on Flink, metrics of a job that ended "
            "at once, or tokens without a model that reports them. What is not known never passes.",
            "Expect what this tier can show, or run the test on another one.",
        ),
        "FA430": _code(
            "There is no stored run",
            "A session writes report.json when it has ended, and events.jsonl while it runs. The folder has neither, or they "
            "cannot be read.",
            "Name the run folder of a session that ended, such as flink-agents-report/latest.",
        ),
        "FA431": _code(
            "A key for signatures cannot be used",
            "Reports are signed by a private key for ed25519 or for ECDSA on P-256, as PEM without a password, in a file that "
            "only its owner may read or in a variable of the environment. Its public key verifies them. Both need the package "
            "cryptography (the extra sign). No message shows any part of a key.",
            "Do what the message says; `openssl genpkey -algorithm ed25519 -out sign.key` makes a key.",
        ),
        "FA432": _code(
            "An attestation cannot be verified",
            "`flink-agents-gate verify` reads test-result.intoto.json, which a session writes when it has ended. The folder has "
            "none, the signature needs a key that was not named, or another version of this package wrote it.",
            "Name the run folder of a session that ended, and the public key of its signer with --key.",
        ),
        "FA433": _code(
            "A report is not the one that was attested",
            "A file of the report or of the project, or the attestation itself, is not as it was when the session ended. The "
            "message names the file or the field, the digest that is attested, and the one that was seen.",
            "Do not use the report: take it again from where the session wrote it, or run the session again.",
        ),
        "FA434": _code(
            "A merged report cannot be written",
            "`flink-agents-gate merge` writes a report of its own to a directory that does not exist yet, so that no file of "
            "another session is left in it.",
            "Name another directory with -o, or remove that one.",
        ),
        "FA435": _code(
            "A version of the project is not in its repository",
            "`upgrade.from.git` names a branch, tag or commit of the repository that holds the project. A shallow clone, as "
            "many CI servers make it, has neither tags nor older commits.",
            "Correct the ref, or fetch it before the session: git fetch --tags.",
        ),
        "FA437": _code(
            "The model's service cannot be asked",
            "In the modes record and live the model server forwards to the scenario's llm.endpoint. It is missing, a variable "
            "that it names is not set, or the scenario's network does not allow its address.",
            "Set the variable, or allow the address in network.",
        ),
        "FA438": _code(
            "A cassette cannot be recorded",
            "A recording never writes over a file without --llm-overwrite. With pytest-xdist or several tiers in several "
            "processes, only the first run of a scenario can record.",
            "Replay the cassette, delete it, or add --llm-overwrite; record on one tier without -n.",
        ),
        "FA439": _code(
            "The stored run cannot be trusted",
            "report.json is truncated, was edited, or was written by another program or version of this package: a field is "
            "missing, unknown or of another type, or fields contradict each other, such as results and their counts. Judging "
            "it is inconclusive. An evidence.json that a scenario is compared with is of another version or scenario.",
            "Judge the file as the session wrote it, or run the session again.",
        ),
        "FA450": _code(
            "Maven's settings cannot be read",
            "Jars come from FLINK_AGENTS_MAVEN_MIRROR, else from the mirror of central in ~/.m2/settings.xml, else from "
            "Maven Central. The settings file exists but is not valid XML.",
            "Correct ~/.m2/settings.xml, or set FLINK_AGENTS_MAVEN_MIRROR.",
        ),
        "FA451": _code(
            "A jar cannot be downloaded",
            "The repository answered without the file, or with a part of it. Usual reasons are an incomplete mirror and a "
            "mirror that needs a password.",
            "Check the mirror; passwords are read from ~/.netrc.",
        ),
        "FA452": _code(
            "A jar differs from the lock file",
            "The downloaded file has another sha256 than the lock file: it was altered or truncated. It was deleted, and "
            "nothing of it was executed.",
            "Check the mirror that the jar came from.",
        ),
    }
)
