"""Action state stores: records of actions and calls outside of the job.

Only the modules ``kafka`` and ``kafka_topic`` import ``confluent_kafka``, and only an opened Kafka store imports them.
"""
