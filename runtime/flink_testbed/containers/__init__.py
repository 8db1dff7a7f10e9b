"""Containers at the user's container engine: limited, labelled, and removed with their owner."""
