"""The scenario language: strict YAML, validated and compiled, with the place of every value."""
