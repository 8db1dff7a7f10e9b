"""The version of the distribution, for reports."""

__version__ = "0.1.0"
