"""Run agents on Flink: the operator, its jobs, and their submission.

No other package of the runtime imports pyflink.
"""
