"""The scenario language: strict YAML in, validated scenarios with the place of every value out. Starts nothing."""
