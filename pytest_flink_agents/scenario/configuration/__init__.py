"""A Flink configuration: its rules, which the linter, the doctor and scenarios share."""

# The names of Flink's configuration file: of all releases, and of those before 2.0.
CURRENT, LEGACY = "config.yaml", "flink-conf.yaml"
# The code of findings about a file's name and directory: no client program reads the file.
NOT_READ = "FA469"
