"""Pure checkers of guarantees over the history of a run, one invariant each."""
