"""What a scenario may name: files, code, requirements and resources of its project."""
