"""Error codes: a table for each range, and one lookup."""
