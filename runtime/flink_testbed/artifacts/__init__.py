"""Everything that is downloaded or built once and cached.

Java, jars and job environments, and the versions that are supported.
"""
