"""The effects ledger: endpoints that a job under test calls, and a record of the calls.

It is a process of its own, outside the job and outside the session. Each call is in an append-only
file before it is answered, so that no end of the job, the session or the ledger loses an answered
call.
"""
