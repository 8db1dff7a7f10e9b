"""The local runtime: runs agents over lists in one process, without Flink.

Nothing here imports pyflink.
"""
