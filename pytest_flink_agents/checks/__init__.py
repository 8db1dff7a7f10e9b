"""Pure functions that judge evidence as valid, invalid or unknown."""
