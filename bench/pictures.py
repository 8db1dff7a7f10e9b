"""Pictures of the speed of agents, for ``docs/performance.md``: ``make bench PART=pictures``.

The curves without Flink are measured for the pictures. The picture of parallelism on Flink is drawn from the
figures in ``bench/results.json``, so that all its bars are of one run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.job_environment import measured_inside
from pytest_flink_agents.provision.environment import TestEnvironment

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _RIGHT = 640, 320, 70, 40, 50, 170
# Readable on white and on black, and in grey by their order.
_COLOURS = ("#2a7ab9", "#c8641e", "#7a7a7a", "#4a9a4a")
_ON_FLINK = {
    "bundled, thread mode": "bundled, thread mode",
    "bundled, process mode": "bundled, process mode",
    "upstream 0.1.1": "upstream 0.1.1",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """Records a second of several contestants at the same points of one axis, which has the same step between all."""

    title: str
    axis: str
    points: Sequence[str]
    series: Mapping[str, Sequence[float]]

    def svg(self) -> str:
        """Return the chart as a picture with its figures as tooltips."""
        top = _rounded_up(max(max(values) for values in self.series.values()))
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'font-family="sans-serif" font-size="12" fill="#888888">',
            f"<title>{escape(self.title)}</title>",
            f'<text x="{_LEFT}" y="20" font-size="14">{escape(self.title)}</text>',
            f'<text x="{_LEFT}" y="{_HEIGHT - 10}">{escape(self.axis)}</text>',
        ]
        for share in range(5):
            y = self._y(top * share / 4, top)
            parts.append(f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="#888888" stroke-opacity="0.3"/>')
            parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{top * share / 4:,.0f}</text>')
        for index, point in enumerate(self.points):
            parts.append(
                f'<text x="{self._x(index)}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{escape(point)}</text>'
            )
        for number, (name, values) in enumerate(self.series.items()):
            parts += self._line(name, values, top, number)
        return "\n".join([*parts, "</svg>"]) + "\n"

    def _line(self, name: str, values: Sequence[float], top: float, number: int) -> list[str]:
        colour = _COLOURS[number]
        places = [(self._x(index), self._y(value, top)) for index, value in enumerate(values)]
        path = "L".join(f"{x} {y}" for x, y in places)
        legend = _TOP + 20 * number
        return [
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(
                f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"><title>{escape(name)}: {value:,.0f}/s</title></circle>'
                for (x, y), value in zip(places, values, strict=True)
            ),
            f'<text x="{_WIDTH - _RIGHT + 15}" y="{legend}" fill="{colour}">{escape(name)}</text>',
        ]

    def _x(self, index: int) -> int:
        return round(_LEFT + 30 + index * (_WIDTH - _LEFT - _RIGHT - 60) / max(len(self.points) - 1, 1))

    def _y(self, value: float, top: float) -> int:
        return round(_HEIGHT - _BOTTOM - value / top * (_HEIGHT - _BOTTOM - _TOP))


def _rounded_up(value: float) -> float:
    """Return a round number that is not below the value, for the top of an axis."""
    unit = 10 ** (len(str(int(value))) - 1)
    return float(next(unit * factor for factor in (1, 2, 4, 6, 8, 10) if unit * factor >= value))


def draw_pictures(environment: TestEnvironment, directory: Path, results: Path) -> dict[str, float]:
    """Measure the curves in a job environment and write all pictures; return no figures."""
    curves = measured_inside(environment, "bench.local_curves", directory / "curves.json")
    figures = json.loads(results.read_text())["figures"]
    on_flink = {
        label: [figures[f"p={parallelism}: {name} [records/s]"] for parallelism in (1, 2)]
        for label, name in _ON_FLINK.items()
    }
    charts = {
        "payload": _of_curve(
            "Records a second by size of payload, without Flink", "characters of JSON", curves["payload"]
        ),
        "keys": _of_curve("Records a second by number of keys, without Flink", "keys", curves["keys"]),
        "parallelism": Chart("Records a second on Flink 1.20 by parallelism", "subtasks", ("1", "2"), on_flink),
    }
    PICTURES.mkdir(exist_ok=True)
    for name, chart in charts.items():
        (PICTURES / f"speed-by-{name}.svg").write_text(chart.svg())
    return {}


def _of_curve(title: str, axis: str, curve: Mapping[str, object]) -> Chart:
    values, series = curve["values"], curve["series"]
    assert isinstance(values, list)
    assert isinstance(series, dict)
    return Chart(title, axis, [f"{value:,}" for value in values], series)
