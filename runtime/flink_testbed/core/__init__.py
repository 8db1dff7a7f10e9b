"""The ground the testbed stands on: problems, clock, ports, directories, guarded processes. Imports nothing of ours."""
