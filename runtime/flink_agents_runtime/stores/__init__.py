"""Action state stores: what completed actions and durable calls came to, kept outside the job for its next attempt.

``confluent_kafka`` is imported in ``kafka`` only, and only when that store is opened.
"""
