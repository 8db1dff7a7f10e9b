"""The record of one run, and the readers that build it from logs and exceptions.

Imports no other package above.
"""
