"""A model server with scripted replies.

It speaks the wire formats of Ollama, OpenAI and Anthropic. It runs outside the job and listens on
loopback only.
"""
