"""The option that marks a job as one of a run, beside the parameters that the job's options set."""

from __future__ import annotations

from collections.abc import Mapping

from flink_testbed.flink.options import JOB_PARAMETERS

OWNER_PARAMETER = "flink-agents-test-run"
_SPECIAL = frozenset(":,'\"")


def owner_options(run_id: str, options: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the Flink option that marks a job of this run.

    The parameters that the job's own ``options`` set stay. As Flink does, read one option with all of
    them, else one for each.

    Flink reads a map as YAML if that gives a mapping, else as ``KEY:VALUE`` pairs with commas between.
    Flink 1.20 reads only the second form if its cluster has the old ``flink-conf.yaml``, so it is the
    one written here. With a quoted pair at the beginning a text is no YAML, whatever comes after it.
    """
    own = dict(options or {})
    whole = own.get(JOB_PARAMETERS, "").strip()
    if whole.startswith("{"):
        return {JOB_PARAMETERS: f"{{{OWNER_PARAMETER}: {run_id}, {whole[1:]}"}
    prefix = f"{JOB_PARAMETERS}."
    single = [_pair(key.removeprefix(prefix), value) for key, value in own.items() if key.startswith(prefix)]
    return {JOB_PARAMETERS: ",".join([f"'{OWNER_PARAMETER}:{run_id}'", *([whole] if whole else single)])}


def _pair(key: str, value: str) -> str:
    """Return a pair: its parts are quoted against colons, then all of it against commas."""
    pair = f"{_quoted(key)}:{_quoted(value)}"
    return _in_quotes(pair) if "'" in pair else pair


def _quoted(text: str) -> str:
    # Flink removes blanks around a text without quotes, and takes an empty one for a missing value.
    return _in_quotes(text) if not text or text != text.strip() or _SPECIAL.intersection(text) else text


def _in_quotes(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
