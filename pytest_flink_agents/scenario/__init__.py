"""The scenario language: strict YAML, validated and compiled."""
