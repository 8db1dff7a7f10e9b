"""The policy file: what a team demands of a session before it promotes a job, and which failures it accepts."""
