"""The host without Flink: a list in, a list out, in this process. Never imports pyflink itself."""
