"""Two runs of the same inputs in, differences out. Pure."""
