"""Kafka brokers behind one handle: embedded, in a container, or external."""
