"""The goals for start times and speed, shown by ``make bench``.

The figures of a line are of the same run. A figure that was not measured never meets its goal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MET, MISSED, UNKNOWN = "PASS", "MISSED", "not measured"
# Of the difference between two runs; less is noise on the machines that CI has.
TOLERATED = 0.1


@dataclass(frozen=True, slots=True)
class Line:
    """One goal.

    ``ours`` and ``upstreams`` are the names of the compared figures, ``measure`` the one that
    ``goal`` limits.

    With ``is_minimum`` the goal is a lower limit, else an upper one. ``required`` is False for a goal
    that the documentation does not promise.
    """

    text: str
    ours: str
    upstreams: str
    measure: str
    goal: float
    is_minimum: bool = True
    required: bool = True

    def verdict(self, figures: Mapping[str, float]) -> str:
        """Return whether the goal is met."""
        value = figures.get(self.measure)
        if value is None:
            return UNKNOWN
        return MET if (value >= self.goal if self.is_minimum else value <= self.goal) else MISSED

    def worse_by(self, before: Mapping[str, float], now: Mapping[str, float]) -> float | None:
        """Return the share by which the measure is worse than before; None unless both runs have a ratio.

        A time alone depends on the machine, so only ratios within one run are compared.
        """
        old, new = before.get(self.measure), now.get(self.measure)
        if "ratio" not in self.measure or old is None or new is None:
            return None
        return (old - new) / old if self.is_minimum else (new - old) / old

    def row(self, figures: Mapping[str, float]) -> tuple[str, ...]:
        """Return the cells of the table: text, figures, goal and verdict."""
        shown = [_shown(figures.get(name)) for name in (self.ours, self.upstreams, self.measure)]
        goal = f"{'>=' if self.is_minimum else '<='} {self.goal:g}"
        return (self.text, *shown, goal, self.verdict(figures) + ("" if self.required else " (no promise)"))


def _cpu_bound(word: str, text: str, *, required: bool) -> tuple[Line, ...]:
    ours, upstreams = f"{word}: bundled engine", f"{word}: upstream"
    return (
        Line(
            f"{text}, logging off [records/s]",
            f"{ours} [records/s]",
            f"{upstreams}, logging off [records/s]",
            f"{word}: ratio to upstream, logging off",
            1.2,
            required=required,
        ),
        Line(
            f"{text}, each one's defaults [records/s]",
            f"{ours}, defaults [records/s]",
            f"{upstreams}, defaults [records/s]",
            f"{word}: ratio to upstream, defaults",
            2,
            required=required,
        ),
        Line(
            f"{text}, beside the action alone [records/s]",
            f"{ours} [records/s]",
            f"{word}: action alone [records/s]",
            f"{word}: ratio to the action alone",
            0.6,
            required=required,
        ),
    )


_SCRIPTS = "bin/start-cluster.sh, until the slot is there [s]"
LINES = (
    Line(
        "embedded cluster ready, warm, beside Flink's scripts [s]",
        "embedded cluster ready, with class archives [s]",
        _SCRIPTS,
        "ratio embedded / scripts",
        0.25,
        is_minimum=False,
    ),
    Line(
        "embedded cluster ready, cold [s]",
        "embedded cluster ready, without [s]",
        _SCRIPTS,
        "ratio embedded, without class archives / scripts",
        0.5,
        is_minimum=False,
        required=False,
    ),
    Line(
        "cluster in containers ready [s]",
        "cluster in containers ready [s]",
        _SCRIPTS,
        "ratio containers / scripts",
        1,
        is_minimum=False,
        required=False,
    ),
    *(
        Line(f"Kafka broker ready, {name} [s]", figure, "", figure, goal, is_minimum=False)
        for name, figure, goal in (
            ("cold", "Kafka broker ready, cold: formatted, no class archive [s]", 8),
            ("warm", "Kafka broker ready, warm [s]", 4),
        )
    ),
    *_cpu_bound("plain", "one action", required=True),
    *_cpu_bound("typed", "one typed action", required=True),
    *_cpu_bound("nested", "one action, 1.5 KB nested", required=False),
    Line(
        "1,000 calls of 100 ms, 100 keys, 64 threads [s]",
        "1,000 calls of 100 ms, 100 keys, 64 threads [s]",
        "1,000 calls of 100 ms, upstream, from a twentieth of them [s]",
        "ratio to the ideal",
        1.3,
        is_minimum=False,
    ),
    Line(
        "on Flink, one subtask [records/s]",
        "p=1: bundled, thread mode [records/s]",
        "p=1: upstream 0.1.1 [records/s]",
        "p=1: bundled, thread mode, ratio to upstream, records/s",
        6,
    ),
    Line(
        "on Flink, one subtask, both with an event log [records/s]",
        "p=1: bundled, thread mode, event log [records/s]",
        "p=1: upstream 0.1.1 [records/s]",
        "p=1: bundled, thread mode, event log, ratio to upstream, records/s",
        4,
        required=False,
    ),
    *(
        Line(
            f"on Flink, two subtasks in {mode} mode, beside one [records/s]",
            f"p=2: bundled, {mode} mode [records/s]",
            "",
            f"p=2: bundled, {mode} mode, ratio to one subtask, records/s",
            1.8,
            required=False,
        )
        for mode in ("thread", "process")
    ),
    Line(
        "effects ledger, calls by the clock and of one core's time [1/s]",
        "ledger: calls/s by the clock",
        "",
        "ledger: calls/s of one core's time",
        5000,
    ),
    Line(
        "effects ledger, added to a call [ms]",
        "ledger: one call, median [ms]",
        "",
        "ledger: one call, median [ms]",
        1,
        is_minimum=False,
    ),
    *(
        Line(text, figure, "", figure, goal, is_minimum=False)
        for text, figure, goal in (
            ("a Java tool called from Python [ms]", "Java tool: one call, median [ms]", 1),
            ("memory, 2,000th to 10,000th call [MiB]", "Java tool: growth from call 2,000 to 10,000 [MiB]", 16),
            ("collect 1,000 scenarios [s]", "collect 1,000 scenarios, whole process [s]", 3),
            ("200 local scenarios [s]", "200 scenarios on the local tier, whole session [s]", 20),
            ("1,000 crash points replayed [s]", "1,000 crash points replayed, whole session [s]", 30),
        )
    ),
    *(
        Line(text, figure, "", figure, goal, is_minimum=False, required=False)
        for text, figure, goal in (
            ("one local scenario, whole command [s]", "one local scenario, whole command [s]", 1.5),
            (
                "first scenario on a fresh cluster [s]",
                "first scenario on the embedded tier, after the cluster is ready [s]",
                3,
            ),
            ("further scenario on the warm cluster [s]", "further scenario on the warm cluster [s]", 0.3),
            ("Kafka, added to a whole command [s]", "Kafka, added to a whole command [s]", 5),
            (
                "a value of 5 MB, added to a local scenario [s]",
                "a value of 5 MB, added to a whole command [s]",
                1,
            ),
            ("make gate, warm [s]", "make gate, warm [s]", 8),
            ("make gate, cold [s]", "make gate, cold [s]", 60),
            (
                "cluster outside of Java's heaps, second to third 100 jobs [MiB]",
                "cluster outside of Java's heaps, growth from its second to its third 100 jobs [MiB]",
                16,
            ),
        )
    ),
    Line(
        "1,000 local scenarios in two workers, beside one [s]",
        "1,000 scenarios on the local tier, two workers [s]",
        "",
        "1,000 scenarios on the local tier, ratio serial / two workers",
        1.6,
        required=False,
    ),
    Line(
        "60 scenarios with a model in two workers, beside one [s]",
        "60 scenarios with a model, two workers [s]",
        "",
        "60 scenarios with a model, ratio serial / two workers",
        1.6,
        required=False,
    ),
    Line(
        "memory, 200,000th to 1,000,000th record, 1,000 keys [MiB]",
        "memory: growth from record 200,000 to 1,000,000, 1,000 keys [MiB]",
        "memory: the same, upstream, from a tenth of the records [MiB]",
        "memory: growth from record 200,000 to 1,000,000, 1,000 keys [MiB]",
        8,
        is_minimum=False,
    ),
)
_HEAD = ("line", "ours", "upstream", "measure", "goal", "")


def table(figures: Mapping[str, float]) -> str:
    """Return all goals as a table."""
    rows = [_HEAD, *(line.row(figures) for line in LINES)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column in (0, 5) else cell.rjust(width) for column, (cell, width) in paired)
        for paired in ((tuple(enumerate(zip(row, widths, strict=True)))) for row in rows)
    )


def regressions(before: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """Return a sentence for each ratio that is over 10 % worse than before."""
    return [
        f"{line.text}: {line.measure} was {_shown(before[line.measure])} and is {_shown(now[line.measure])}, "
        f"{worse:.0%} worse"
        for line in LINES
        if (worse := line.worse_by(before, now)) is not None and worse > TOLERATED
    ]


def as_json(figures: Mapping[str, float]) -> list[dict[str, object]]:
    """Return all goals as data."""
    return [
        {
            "line": line.text,
            "bundled": figures.get(line.ours),
            "upstream": figures.get(line.upstreams),
            "measure": figures.get(line.measure),
            "goal": line.row(figures)[4],
            "promised": line.required,
            "verdict": line.verdict(figures),
        }
        for line in LINES
    ]


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
