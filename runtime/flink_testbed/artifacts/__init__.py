"""Everything downloaded or built once and cached: Java, jars, job environments, and the versions supported."""
