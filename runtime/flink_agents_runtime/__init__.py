"""The bundled runtime: executes agents written with flink_agents. It travels inside the job.

It may import the standard library, flink_agents, pydantic and cloudpickle; pyflink only under ``on_flink``, never the
testbed or the harness. This module itself imports nothing, so that a worker can protect its channel before anything
heavy is loaded.
"""
