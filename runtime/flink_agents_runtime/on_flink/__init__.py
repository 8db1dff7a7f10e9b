"""The Flink host: the keyed operator that runs the engine, the job around it, and the process that submits it.

The only package of the runtime that imports pyflink.
"""
