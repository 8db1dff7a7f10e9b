"""Load the bridge between JVM and Python, pemja, as a TaskManager in thread mode does.

Run as ``python -m flink_agents_runtime.on_flink.bridge``. Prints one line of JSON: ``java`` and ``python``, the
versions that met in one process; ``error``, empty if Python ran; and ``again``, the error of a second class loader,
which is that of a second job that brings pemja with itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import sysconfig
from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyflink.java_gateway import get_gateway
from pyflink.util.java_utils import to_jarray

from flink_agents_runtime.on_flink.gateway import use_gateway_token
from flink_agents_runtime.on_flink.java_classes import cause_of

_CONFIG = "pemja.core.PythonInterpreterConfig"
_INTERPRETER = "pemja.core.PythonInterpreter"
_NAMED = "flink-python-*.jar"


def main() -> None:
    """Load the bridge twice and print what happened."""
    use_gateway_token()
    jvm = get_gateway().jvm
    found = {"java": str(jvm.java.lang.System.getProperty("java.version")), "python": "", "error": "", "again": ""}
    found["python"], found["error"] = _attempt(jvm.java.lang.Thread.currentThread().getContextClassLoader())
    if not found["error"]:
        _, found["again"] = _attempt(_second_loader())
    sys.stdout.write(json.dumps(found) + "\n")


def _attempt(loader: Any) -> tuple[str, str]:
    """Return the version of the Python that ran in the JVM, or the error."""
    try:
        return _python_of(loader), ""
    except Py4JJavaError as error:
        return "", ": ".join(filter(None, (cause_of(error), _library_error())))
    except Py4JError as error:
        return "", str(error)


def _library_error() -> str:
    """Return why pemja's native library does not load, empty if it loads.

    If a JVM refuses a library, pemja looks for a field that Java has no longer, and its error hides the reason.
    """
    pemja = util.find_spec("pemja")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    libraries = Path(pemja.origin).parent.glob(f"pemja_core*{suffix}") if pemja and pemja.origin else ()
    try:
        for library in libraries:
            ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return ""


def _python_of(loader: Any) -> str:
    """Run Python in the JVM with the classes of a loader, and return its version.

    All by reflection: py4j takes two classes of one name for the same class.
    """
    strings = [_class("java.lang.String", loader)]
    config, interpreter = _class(_CONFIG, loader), _class(_INTERPRETER, loader)
    builder = config.getMethod("newBuilder", None).invoke(None, None)
    of_builder = _class(f"{_CONFIG}$PythonInterpreterConfigBuilder", loader)
    paths = os.pathsep.join(filter(None, sys.path))
    for setter, value in (("setPythonExec", sys.executable), ("addPythonPaths", paths)):
        _call(of_builder, setter, builder, strings, [value])
    built = _call(of_builder, "build", builder, [], [])
    python = interpreter.getConstructor(_classes([config])).newInstance(_objects([built]))
    try:
        _call(interpreter, "exec", python, strings, ["import platform; version = platform.python_version()"])
        return str(_call(interpreter, "get", python, strings, ["version"]))
    finally:
        _call(interpreter, "close", python, [], [])


def _second_loader() -> Any:
    """Return a class loader that has Flink's jar for Python once more, as that of a job has."""
    jvm = get_gateway().jvm
    pyflink = util.find_spec("pyflink")
    assert pyflink is not None
    assert pyflink.submodule_search_locations is not None
    jars = Path(pyflink.submodule_search_locations[0], "opt").glob(_NAMED)
    urls = [jvm.java.io.File(str(jar)).toURI().toURL() for jar in jars]
    return jvm.java.net.URLClassLoader(to_jarray(jvm.java.net.URL, urls), None)


def _class(name: str, loader: Any) -> Any:
    return get_gateway().jvm.java.lang.Class.forName(name, True, loader)


def _call(of: Any, name: str, target: Any, types: Sequence[Any], values: Sequence[Any]) -> Any:
    return of.getMethod(name, _classes(types)).invoke(target, _objects(values))


def _classes(classes: Sequence[Any]) -> Any:
    return to_jarray(get_gateway().jvm.java.lang.Class, classes)


def _objects(values: Sequence[Any]) -> Any:
    return to_jarray(get_gateway().jvm.java.lang.Object, values)


if __name__ == "__main__":
    main()
