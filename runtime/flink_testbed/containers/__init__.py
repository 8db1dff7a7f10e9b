"""Containers that are limited, labelled, and removed with their owner."""
