"""Purchases from a file of inputs, and outputs into a directory, for jobs with agents."""

import json

from pyflink.common import Encoder, Types, WatermarkStrategy
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import FileSink, FileSource, StreamFormat


def purchases(env: StreamExecutionEnvironment, source: str) -> DataStream:
    """Return the inputs of a file, each as ``{"customer", ...}``."""
    lines = env.from_source(
        FileSource.for_record_stream_format(StreamFormat.text_line_format(), f"file://{source}").build(),
        WatermarkStrategy.no_watermarks(),
        "purchases",
    )
    return lines.map(lambda line: {"customer": json.loads(line)["key"], **json.loads(line)["value"]})


def write(outputs: DataStream, sink: str) -> None:
    """Write values with a ``customer``, which is their key, as lines into a directory."""
    texts = outputs.map(
        lambda value: json.dumps({"key": value["customer"], "value": value}), output_type=Types.STRING()
    )
    texts.sink_to(FileSink.for_row_format(f"file://{sink}", Encoder.simple_string_encoder()).build())
