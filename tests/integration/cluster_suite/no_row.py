"""A program for PyFlink's driver that fails before it has a job. Not a test module."""

raise LookupError("no row today")
