"""Error codes: one table for each range, and one lookup over all of them."""
