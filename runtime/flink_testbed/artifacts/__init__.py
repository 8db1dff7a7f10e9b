"""Everything downloaded or built once and kept: supported versions, cache, Java, job environments."""
