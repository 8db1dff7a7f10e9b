"""The report of a session, for people and for programs.

Every text goes through the redactor first.
"""
