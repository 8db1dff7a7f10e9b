"""Files as source and sink of a short bounded job."""

from __future__ import annotations

from dataclasses import dataclass

from pyflink.common import Duration, Encoder, WatermarkStrategy
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import BucketAssigner, FileSink, FileSource, RollingPolicy, StreamFormat

_NEVER_MS = 24 * 3600 * 1000
_DISCOVERY_MS = 50


@dataclass(frozen=True, slots=True)
class Files:
    """A file of lines as source, a directory as sink.

    ``growing`` inputs are a directory to which files are added while the job runs: it never ends.
    """

    inputs: str
    outputs: str
    growing: bool = False

    def lines(self, env: StreamExecutionEnvironment) -> DataStream:
        """Return the lines of the file.

        The source has parallelism 1, so that each key gets its inputs in the order of the file.
        """
        builder = FileSource.for_record_stream_format(StreamFormat.text_line_format("UTF-8"), self.inputs)
        if self.growing:
            builder = builder.monitor_continuously(Duration.of_millis(_DISCOVERY_MS))
        return env.from_source(builder.build(), WatermarkStrategy.no_watermarks(), "inputs").set_parallelism(1)

    def sink(self, lines: DataStream) -> None:
        """Write one file per subtask, in the order of the outputs."""
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
