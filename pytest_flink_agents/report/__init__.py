"""What a session leaves for people and programs. Every text on its way out goes through the redactor."""
