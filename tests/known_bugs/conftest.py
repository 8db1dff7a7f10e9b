"""The scenarios of ``project`` belong to a session of their own, on a damaged runtime."""

collect_ignore = ["project"]
