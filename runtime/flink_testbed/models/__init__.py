"""The model server: loopback, outside the job, scripted replies in the Ollama and OpenAI wire formats."""
