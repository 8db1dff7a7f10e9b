"""``flink-agents-gate doctor``: check that this machine has what a run needs.

Changes nothing.
"""
