"""Results of a session under a policy -> one verdict. Pure functions: no I/O, no clock."""
