"""What the codes of the testbed mean: FA4xx, the machine's faults."""

from __future__ import annotations

# Code -> title, and what to know and do beyond the message itself.
CODES: dict[str, tuple[str, str]] = {
    "FA401": (
        "a wait passed its deadline",
        "Something that was started did not get where it should in time. The message says what was waited for and what "
        "was seen last; the lines below it are the end of its log. A machine that is busy with other work is the usual "
        "reason: look at its load, then run again.",
    ),
    "FA402": (
        "a program cannot be started",
        "The path in the message is missing, not executable, or for another machine.",
    ),
    "FA403": (
        "no free port",
        "Ports for a cluster come from 20000 to 31999 on loopback. Two hundred were tried and all were taken: something "
        "on this machine holds very many ports.",
    ),
    "FA404": ("Flink's REST does not answer", "The JobManager is not up yet, or has died; its log says which."),
    "FA405": ("Flink refused a REST call", "The text below the message is Flink's own reason."),
    "FA406": (
        "the cluster was not ready in time",
        "Both JVMs run, but not all slots were registered. Slow machines may need --flink-startup-timeout=120; the logs "
        "in the run folder tell whether the TaskManager found the JobManager.",
    ),
    "FA407": ("a Flink process has died", "The end of its log says why; out of memory is the usual reason."),
    "FA408": (
        "not enough free memory",
        "A cluster with one TaskManager takes about 0.7 GiB, and wants 1.2 GiB free to start. The local tier needs none of it.",
    ),
    "FA409": (
        "a helper process has died",
        "The local worker or the job submitter ended by itself. A native crash of a library in the job environment and "
        "sys.exit() in an agent are the usual reasons; its log is in the run folder.",
    ),
    "FA410": (
        "unsupported Flink version",
        "Supported are 1.20 (from 1.20.3), 2.0, 2.1, 2.2 and 2.3. In YAML and ini files a version is a quoted text: 1.20 "
        "without quotes is the number 1.2.",
    ),
    "FA411": (
        "another session holds the cache",
        "It builds the same job environment. Its lock is dropped when it ends.",
    ),
    "FA412": (
        "not enough disk space",
        "A job environment takes about 1.1 GB in the cache (FLINK_AGENTS_TEST_CACHE_DIR).",
    ),
    "FA413": (
        "pins that fight",
        "The job environment is resolved in one go from apache-flink, flink-agents and the scenario's requirements. The "
        "message names the two that cannot be together; flink-agents pins its own dependencies exactly.",
    ),
    "FA414": (
        "a package registry cannot be reached",
        "Only the first run needs one. For Python packages mirrors and proxies are set as for uv itself: UV_DEFAULT_INDEX, "
        "UV_INDEX, HTTPS_PROXY, SSL_CERT_FILE. For jars: FLINK_AGENTS_MAVEN_MIRROR, else the mirror of central in "
        "~/.m2/settings.xml; HTTPS_PROXY, REQUESTS_CA_BUNDLE, ~/.netrc.",
    ),
    "FA415": ("an install failed", "The end of uv's output is below the message."),
    "FA416": (
        "something in the cache is not usable",
        "It is not what was put there: a disk's error, a hand's, or a copy cut short. Delete the directory that is named; "
        "the next run makes it anew.",
    ),
    "FA417": (
        "not a job environment",
        "--flink-job-python wants an interpreter whose environment holds apache-flink and flink-agents, installed in one "
        "resolve: one after the other ends with a broken protobuf.",
    ),
    "FA418": ("no fitting Python", "Flink and flink-agents support Python 3.10 and 3.11, with Flink >= 2.1 also 3.12."),
    "FA419": (
        "no such flink-agents",
        "--flink-agents takes a version, or the path of a wheel, sdist or source directory.",
    ),
    "FA420": ("the model server cannot listen", "It wants one free port on loopback."),
    "FA421": (
        "an option makes no sense",
        "The message names where the value comes from: the command line, else a variable FLINK_AGENTS_TEST_..., else the "
        "ini file. pytest --help lists all options.",
    ),
    "FA422": (
        "a directory cannot be written",
        "The cache goes to FLINK_AGENTS_TEST_CACHE_DIR (else the user's cache directory), reports to --flink-report-dir.",
    ),
    "FA423": (
        "the process that owns the cluster does not answer",
        "Under pytest-xdist the clusters belong to the first pytest process; the others ask it through a socket. It has "
        "ended, or it was killed.",
    ),
    "FA424": (
        "the upstream engine is not available",
        "--flink-engine=upstream runs agents on flink-agents' own Java operator. The installed flink-agents holds no jars, or "
        "jars for other Flinks only: its releases from 0.2 on bring one set for each Flink line, 0.1 one jar for Flink 1.20.",
    ),
    "FA425": (
        "the bundled engine does not execute this flink-agents",
        "It executes agents of flink-agents 0.3 (0.3.0, 0.3.1). 0.1 and 0.2 have a class for each event and listen to "
        "classes, where 0.3 has event types; 0.4 listens to conditions that only its Java side can evaluate. Others run where "
        "their own jars are, with --flink-engine=upstream.",
    ),
    "FA426": (
        "a project is too large to travel with its jobs",
        "A cluster that does not see this machine's files gets the import roots (the project, pytest's pythonpath) with each job: "
        "Python files, and others of at most 1 MiB, without hidden ones, virtual environments and caches.",
    ),
    "FA440": (
        "the cluster cannot do that",
        "A process of that name does not run, or the cluster is not ours to break: on the remote tier nothing is killed, "
        "paused or added.",
    ),
    "FA441": ("a job has ended too early", "The test waited for another state; Flink's reason is below the message."),
    "FA442": ("a savepoint failed", "Flink's reason is below the message."),
    "FA443": (
        "the remote cluster is another Flink",
        "Jobs are built with the very release that runs them: what its client serialises, the cluster reads. Ask for the "
        "release that is there.",
    ),
    "FA444": (
        "Flink's REST does not let us in",
        "The token comes from FLINK_AGENTS_TEST_REST_TOKEN and goes as a Bearer token; FLINK_AGENTS_TEST_REST_CA is the PEM "
        "file of the authority to trust, _REST_CERT and _REST_KEY those of a client's certificate.",
    ),
    "FA445": (
        "no key store can be made of the TLS files",
        "Flink's client takes PKCS12 stores only. Java's keytool makes the one of trusted certificates, openssl the one of a "
        "client's certificate and key.",
    ),
    "FA446": (
        "the cluster does not see this machine's files",
        "Inputs and outputs of a short run are files. A remote cluster must reach them under the same path, or they travel by "
        "Kafka.",
    ),
    "FA450": (
        "Maven's settings cannot be read",
        "Jars come from FLINK_AGENTS_MAVEN_MIRROR, else from the mirror of central in ~/.m2/settings.xml, else from Maven "
        "Central. The file is there, and is no XML that can be read.",
    ),
    "FA451": (
        "a jar could not be downloaded",
        "The repository answers, but not with the file, or only with a part of it. A mirror that does not have everything "
        "and one that wants a password (~/.netrc) are the usual reasons.",
    ),
    "FA452": (
        "a jar is not the one that was locked",
        "What came has another sha256 than the lock file says: it was altered, or cut where nobody told its length. It is "
        "thrown away, and nothing of it is run.",
    ),
    "FA453": (
        "Kafka was not ready in time",
        "The brokers run, or are said to be there, and do not all answer. Slow machines may need "
        "--flink-startup-timeout=120. A remote broker that is there and does not answer usually advertises an address that "
        "cannot be reached from here.",
    ),
    "FA454": ("a Kafka broker has died", "The end of its log says why; out of memory is the usual reason."),
    "FA455": ("Kafka refused a request", "What was asked for is in the message, Kafka's own reason below it."),
    "FA456": (
        "Kafka cannot format a data directory",
        "Its storage tool runs once, when the jars are new, and what it makes is copied for every broker. Another Java in "
        "JAVA_HOME than Kafka knows is the usual reason.",
    ),
    "FA470": (
        "no container engine answers",
        "The container tier needs Docker or Podman (its socket service). DOCKER_HOST names where it answers; Docker's own "
        "context and ~/.testcontainers.properties are honoured. The local and embedded tiers need none.",
    ),
    "FA471": (
        "an image cannot be had",
        "The engine does not have it and cannot pull it: no network, no such name, or no login. `docker pull` says more. A "
        "machine without a registry loads images by `docker load` or `docker import`.",
    ),
    "FA472": ("building an image failed", "The end of what the engine said is below the message."),
    "FA473": (
        "the container engine refused",
        "The text below the message is its own reason. A full disk and too many networks are the usual ones.",
    ),
    "FA474": (
        "an image does not fit",
        "Jobs are built on this machine and run in containers: both need the same Flink, the same flink-agents and the same "
        "minor version of Python. An image of your own has them on python3's path, and a Java in JAVA_HOME or on PATH.",
    ),
    "FA475": (
        "the container engine is on another machine",
        "Containers see the run folder by a mount, and their ports are published on the loopback of the engine's machine. "
        "Neither reaches across machines, so the engine must be this machine's.",
    ),
}
