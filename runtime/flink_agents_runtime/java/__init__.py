"""Java parts of an agent: functions, tools and resources, in a JVM that is started on demand."""
