"""Evidence -> valid, invalid or unknown. Pure functions, one family a module; nothing here starts or reads anything."""
