"""Known defects of flink-agents, each as a small job that the gate must turn red."""
