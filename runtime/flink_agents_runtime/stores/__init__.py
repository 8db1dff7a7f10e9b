"""Action state stores: records of completed actions and durable calls, kept outside of the job.

Only the module ``kafka`` imports ``confluent_kafka``, and only an opened Kafka store imports it.
"""
