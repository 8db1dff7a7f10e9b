"""What a provably dead owner left: found, and removed."""
