"""The export of a finished session to OpenTelemetry, made of the files of its run folder alone.

The package opentelemetry comes with the extra ``otel``.
"""
