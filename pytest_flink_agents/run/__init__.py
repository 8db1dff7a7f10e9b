"""One scenario on one tier: provision, submit, gather evidence."""
