"""Job environments, clusters, Kafka and the model server for runs.

Knows nothing of checks or reports.
"""
