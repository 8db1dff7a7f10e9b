"""A real Flink cluster behind one handle."""
