"""Settings of all tests."""

import os

# On, it costs each cluster of these tests 0.2 s of processor time. The option's own tests turn it on, and the scenarios
# of `make gate` have the default.
os.environ.setdefault("FLINK_AGENTS_TEST_FLINK_REST_AUTH", "off")
