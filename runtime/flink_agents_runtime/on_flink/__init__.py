"""Run agents on Flink: the keyed operator around the engine, its jobs, and their submission.

No other package of the runtime imports pyflink.
"""
