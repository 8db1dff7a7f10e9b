"""The model server: loopback, outside the job, scripted replies in the Ollama, OpenAI and Anthropic wire formats."""
