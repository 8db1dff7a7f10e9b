"""The parts that a run needs: job environment, clusters, broker and model server. Knows nothing of checks or reports."""
