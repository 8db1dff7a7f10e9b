"""``flink run``: submit a user's own program with Flink's command line client.

The client's Java class is started directly: the script ``bin/flink`` would start further JVMs to
read the configuration. Jobs are submitted detached, so the client ends as soon as a job is
accepted. The main program of a Python job runs in the job environment's interpreter; its workers
run in the cluster's ``python.executable``.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.artifacts.gateway_token import VARIABLE, token_jar, token_variables
from flink_testbed.artifacts.java import QUICK_START_FLAGS
from flink_testbed.flink.home import FlinkHome
from flink_testbed.flink.jvm import MODULE_FLAGS
from flink_testbed.ownership.command import Completed, run_guarded
from flink_testbed.ownership.process import clean_environment

_CLIENT_CLASS = "org.apache.flink.client.cli.CliFrontend"
_JOB_ID = re.compile(r"Job has been submitted with JobID ([0-9a-f]{32})")
_TRACEBACK = "Traceback (most recent call last):"
_CAUSE = "Caused by: "
# The Python exception that wraps a Java exception, whose causes follow; and the client's own
# message about the exit code of Python, which says nothing about the cause.
_OF_JAVA = "Py4JJavaError"
_EXITED = "Python process exits with code"
# The client's message about a Python program that ended before it called Flink.
_NEVER_BEGAN = "Failed to start Python process"
_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = File
appender.file.name = File
appender.file.type = File
appender.file.fileName = ${sys:log.file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
"""


@dataclass(frozen=True, slots=True)
class Program:
    """The arguments of ``flink run``.

    ``file`` is a ``.py`` or ``.jar`` file, ``args`` are its own arguments. ``main_class`` is for a
    jar whose manifest names none. ``environment`` is added to the client's environment. ``run_by``
    is a Python program that runs this one: it gets the file as its first argument, and the gateway's
    token in an environment variable (see ``gateway_token``). ``ships`` are
    zips and directories of modules that travel with the job. ``worker_python`` is the interpreter
    of the Python workers if it differs from the client's. The job starts from the ``savepoint`` unless that is empty;
    all state in it has to fit.
    """

    file: Path
    args: tuple[str, ...] = ()
    main_class: str = ""
    parallelism: int = 1
    environment: Mapping[str, str] | None = None
    run_by: Path | None = None
    ships: tuple[Path, ...] = ()
    worker_python: str = ""
    savepoint: str = ""

    @property
    def is_python(self) -> bool:
        """True if the client runs the file in Python."""
        return self.file.suffix == ".py"


class ProgramFailedError(Exception):
    """The program ended with an error, or without submitting a job.

    ``message`` is its error in one line, ``detail`` the traceback or the chain of causes. ``jobs`` are the ids of those
    that it had submitted before, which run on.
    """

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.jobs: tuple[str, ...] = ()


class FlinkClient:
    """Flink's command line client for one cluster.

    ``directory`` is created and holds its configuration and logs. ``options`` are Flink options of
    the jobs, which win over those of the configuration; ``environment`` has the client's credentials.
    ``configuration`` is the text of the ``config.yaml`` that client and program read. The file exists
    only while they run, because it may hold secrets.
    """

    def __init__(
        self,
        home: FlinkHome,
        rest_url: str,
        *,
        directory: Path,
        options: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        configuration: str = "{}\n",
    ) -> None:
        self._home = home
        self._configuration = configuration
        self._address = rest_url.partition("://")[2].rstrip("/")
        self._directory = directory
        self._options = dict(options or {})
        self._environment_of_client = dict(environment or {})

    @property
    def log(self) -> Path:
        """The file with the output of the client."""
        return self._directory / "client.out"

    def run(self, program: Program, *, timeout_s: float) -> tuple[str, ...]:
        """Run the program until it has submitted its jobs; return their ids.

        Raises :class:`ProgramFailedError` if it submits none or fails, :class:`WaitTimeoutError` after
        ``timeout_s`` seconds.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
        token = self._token(program)
        config = self._directory / "config.yaml"
        config.touch(mode=0o600)
        config.write_text(self._configuration, encoding="utf-8")
        with self.log.open("a", encoding="utf-8") as log, contextlib.ExitStack() as stack:
            stack.callback(config.unlink)

            def keep(line: str) -> None:
                log.write(line + "\n")
                log.flush()

            done = run_guarded(
                self._command(program, token),
                env=self._environment(program, token),
                cwd=program.file.parent,
                timeout_s=timeout_s,
                on_line=keep,
            )
        jobs = tuple(dict.fromkeys(_JOB_ID.findall(done.output)))
        if done.returncode != 0 or not jobs:
            error = _failed(done)
            error.jobs = jobs
            raise error
        return jobs

    def _token(self, program: Program) -> dict[str, str]:
        """Return the variables of a gateway with a token.

        Empty for a program that would not read them: without ``run_by`` PyFlink opens the gateway itself.
        """
        if not program.run_by:
            return {}
        return token_variables(self._home.flink_home, self._directory / "lib", progress=lambda line: None)

    def _command(self, program: Program, token: Mapping[str, str]) -> list[str]:
        lib = sorted((self._home.flink_home / "lib").glob("*.jar"))
        if token:
            # The patched classes need those of flink-python beside them: Flink loads its own packages from the
            # client's class path first, and would not see those of the program's class loader.
            lib = [token_jar(Path(token["FLINK_LIB_DIR"])), *(self._home.flink_home / "opt").glob("flink-python-*.jar")]
        command = [str(self._home.java), *QUICK_START_FLAGS, *MODULE_FLAGS]
        command += [f"-Dlog.file={self._directory / 'client.log'}", f"-Djava.io.tmpdir={self._directory}"]
        command += [f"-Dlog4j.configurationFile={self._directory / 'log4j2.properties'}"]
        command += ["-cp", os.pathsep.join(map(str, lib)), _CLIENT_CLASS]
        command += ["run", "--detached", "--jobmanager", self._address, "--parallelism", str(program.parallelism)]
        # With --jobmanager the client ignores the connection options of its configuration file.
        command += [f"-D{name}={value}" for name, value in self._options.items()]
        command += ["--fromSavepoint", program.savepoint] if program.savepoint else []
        if program.main_class:
            command += ["--class", program.main_class]
        if program.is_python:
            python = str(self._home.python)
            command += ["--pyClientExecutable", python, "--pyExecutable", program.worker_python or python]
            command += ["--pyFiles", ",".join(map(str, program.ships))] if program.ships else []
            command += ["--python", str(program.run_by)] if program.run_by else ["--python"]
        command += [str(program.file)]
        return [*command, *program.args]

    def _environment(self, program: Program, token: Mapping[str, str]) -> dict[str, str]:
        home = self._home.flink_home
        own = {
            "JAVA_HOME": str(self._home.java.parent.parent),
            "FLINK_HOME": str(home),
            "FLINK_LIB_DIR": str(home / "lib"),
            # Has the jar that runs Python programs.
            "FLINK_OPT_DIR": str(home / "opt"),
            "FLINK_PLUGINS_DIR": str(home / "plugins"),
            "FLINK_CONF_DIR": str(self._directory),
            "FLINK_LOG_DIR": str(self._directory),
            "PYTHONPATH": os.pathsep.join(map(str, self._home.python_path)),
        }
        # The program's variables win: it may read its options from a FLINK_CONF_DIR of its own.
        own |= {VARIABLE: token[VARIABLE]} if token else {}
        return clean_environment(**{**own, **self._environment_of_client, **(program.environment or {})})


def _failed(done: Completed) -> ProgramFailedError:
    """Return the program's own error instead of the client's wrapping of it.

    The last Python traceback if there is one, else the innermost cause of a Java exception.
    """
    _, found, traceback = done.output.rpartition(_TRACEBACK)
    if found:
        lines = traceback.splitlines()
        # A traceback ends with its first unindented line, which is the error.
        end = next((at for at, line in enumerate(lines[1:], 1) if line and not line.startswith(" ")), len(lines) - 1)
        causes = [
            line.removeprefix(_CAUSE) for line in lines[end + 1 :] if line.startswith(_CAUSE) and _EXITED not in line
        ]
        # Py4JJavaError itself has no message worth reading; Java's last cause has.
        message = causes[-1] if _OF_JAVA in lines[end] and causes else lines[end]
        return ProgramFailedError(message, "\n".join([_TRACEBACK, *lines[1 : end + 1], *map(_CAUSE.__add__, causes)]))
    causes = [line for line in done.output.splitlines() if line.startswith(_CAUSE)]
    said = done.output.strip().splitlines()
    if done.returncode == 0 or _NEVER_BEGAN in done.output:
        return ProgramFailedError("the program ended without submitting a job", "\n".join(said[-20:]))
    if causes:
        return ProgramFailedError(causes[-1].removeprefix(_CAUSE), "\n".join(causes))
    message = said[-1] if said else f"the program ended with exit code {done.returncode}"
    return ProgramFailedError(message, "\n".join(said[-20:]))
