"""How inputs reach a job on Flink and how its outputs come back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_flink_agents.run.evidence import Output

Inputs = Sequence[Mapping[str, Any]]


def numbered_lines(inputs: Inputs) -> Iterator[str]:
    """Each input as the JSON that a job reads: ``{"input": number, "key", "value"}``."""
    return (json.dumps({"input": number, **record}) for number, record in enumerate(inputs))


def output_of(record: Mapping[str, Any], inputs: Inputs) -> Output:
    """An output as a job writes it. One that does not tell its key tells the number of its input."""
    number = record["input"]
    return Output(record["key"] if "key" in record else inputs[number]["key"], record["value"], number)


class FileTransport:
    """A file in, files out, below the run's directory. ``ends`` is what the job is told."""

    def __init__(self, directory: Path) -> None:
        self._inputs = directory / "inputs.jsonl"
        self._outputs = directory / "outputs"
        self.ends = {"files": {"inputs": str(self._inputs), "outputs": str(self._outputs)}}
        self.files = {"outputs": str(self._outputs)}

    def put(self, inputs: Inputs) -> None:
        """Write the inputs."""
        self._inputs.write_text("".join(line + "\n" for line in numbered_lines(inputs)), encoding="utf-8")

    def outputs(self, inputs: Inputs) -> tuple[Output, ...]:
        """The committed lines of the sink's files, which are read in the order in which they were written.

        After a restart a subtask goes on in another file. Files in progress (a dot first) are not output.
        """
        found: list[Output] = []
        for path in sorted(self._outputs.rglob("part-*"), key=lambda path: path.stat().st_mtime_ns):
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [output_of(json.loads(line), inputs) for line in lines]
        return tuple(found)
