"""The mappings below ``expect`` that state one thing each."""
