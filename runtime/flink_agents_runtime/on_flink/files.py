"""Files as a job's ends: lines in from one file, lines out to one file a subtask. For short bounded runs."""

from __future__ import annotations

from dataclasses import dataclass

from pyflink.common import Encoder, WatermarkStrategy
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import BucketAssigner, FileSink, FileSource, RollingPolicy, StreamFormat

_NEVER_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Files:
    """``inputs`` is a file of lines, ``outputs`` a directory."""

    inputs: str
    outputs: str

    def lines(self, env: StreamExecutionEnvironment) -> DataStream:
        """The lines of the file. The source runs alone, so that the order of the file is the order of each key."""
        source = FileSource.for_record_stream_format(StreamFormat.text_line_format("UTF-8"), self.inputs).build()
        return env.from_source(source, WatermarkStrategy.no_watermarks(), "inputs").set_parallelism(1)

    def sink(self, lines: DataStream) -> None:
        """Write lines below the directory: one file a subtask, so that order within it is the order of the outputs."""
        policy = RollingPolicy.default_rolling_policy(
            part_size=1 << 40, rollover_interval=_NEVER_MS, inactivity_interval=_NEVER_MS
        )
        sink = (
            FileSink.for_row_format(self.outputs, Encoder.simple_string_encoder("UTF-8"))
            .with_bucket_assigner(BucketAssigner.base_path_bucket_assigner())
            .with_rolling_policy(policy)
            .build()
        )
        lines.sink_to(sink).name("outputs")
