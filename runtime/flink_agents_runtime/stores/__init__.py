"""Action state stores: records of actions and calls outside of the job.

Only the module ``kafka`` imports ``confluent_kafka``, and only an opened Kafka store imports it.
"""
