"""A program for PyFlink's driver that fails before it submits a job. Not a test module."""

raise LookupError("no row today")
