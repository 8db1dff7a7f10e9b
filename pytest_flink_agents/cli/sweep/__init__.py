"""Find and remove what dead owners left behind."""
