"""What the linter's codes mean: FA46x and FA47x, a Flink configuration that flink-agents takes for something else."""

from __future__ import annotations

# Code -> title, and what to know and do beyond the message itself.
CODES: dict[str, tuple[str, str]] = {
    "FA460": (
        "the configuration cannot be read",
        "It is no YAML, or uses what the linter does not follow: a key twice, several documents, anchors and aliases.",
    ),
    "FA461": (
        "a flat key",
        "flink-agents reads the mapping below agent: and nothing else. A line agent.KEY at the top level is ignored, without "
        "a word; only Flink's own options may be written so.",
    ),
    "FA462": (
        "an option in the wrong place",
        "flink-agents reads the mapping below agent: and nothing else, whatever the example in its monitoring page shows.",
    ),
    "FA463": (
        "a key that is nearly an option",
        "Agents may read keys of their own, so unknown keys are ignored without a word, mistyped ones too.",
    ),
    "FA464": (
        "a text where true or false is meant",
        "Python takes every text that is not empty for true, also 'false'; Java cannot cast the text of prettyPrint.",
    ),
    "FA465": (
        "a word in another case",
        "Java reads the words of options in any case, Python only as they are declared: it raises for RETRY.",
    ),
    "FA466": ("a value that the option cannot have", "The message says what may stand there."),
    "FA467": (
        "an unknown action state store",
        "flink-agents takes a backend that it does not know for none, without a word: nothing is durable then.",
    ),
    "FA468": (
        "an action state store that lacks something",
        "The Kafka store needs kafkaActionStateTopic, the Fluss store flussActionStateTable; without a backend neither is used.",
    ),
    "FA469": (
        "a file that is not read",
        "The client program reads config.yaml in the directory that FLINK_CONF_DIR names (the Python client prefers the old "
        "flink-conf.yaml). Where it is not set, nothing is read and nothing said. The options then travel inside the job: a file "
        "that only a TaskManager has, or only its image, changes nothing.",
    ),
    "FA470": (
        "an option that the version passes over",
        "It belongs to flink-agents 0.4, or to this project's own engine; flink-agents 0.3 ignores it without a word.",
    ),
    "FA471": (
        "a bare word that Python takes for true or false",
        "PyYAML reads YAML 1.1, in which OFF, no and on are true or false; Flink's own reader takes them for texts. Quote them.",
    ),
    "FA472": (
        "long-term memory that is half configured",
        "It is on only where all three options long-term-memory.mem0.* are set; otherwise the context has none.",
    ),
    "FA473": (
        "an agent section that Python stumbles on",
        "An empty file, agent: without anything below it, and agent: with something else than a mapping raise AttributeError in "
        "the Python client.",
    ),
    "FA474": ("an option twice", "Once nested and once with dots: which of the two holds depends on their order."),
}
