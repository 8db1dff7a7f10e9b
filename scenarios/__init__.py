"""The project's own scenarios, and the agents they run: also the examples to copy from."""
