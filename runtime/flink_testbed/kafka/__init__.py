"""A real Kafka behind one handle: a broker of our own from jars, or somebody else's."""
