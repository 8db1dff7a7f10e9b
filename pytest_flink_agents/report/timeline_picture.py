"""``timeline.svg``: when a run's keys had outputs and effects, beside checkpoints and faults."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.history import History
from pytest_flink_agents.redact import Redactor

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 960, 170, 20, 60, 26
_PLOT = _WIDTH - _LEFT - _RIGHT
_MAX_KEYS = 20
_LABEL_CHARACTERS, _FAULT_CHARACTERS = 22, 48
_MOST_TICKS = 8
_LEGEND = 150.0
# Each kind has a form of its own: colours alone do not tell them apart for everybody.
_KINDS = {"output": "outputs", "effect": "effects", "record": "action state records"}
_LINES = {"checkpoint": "checkpoints", "interruption": "interruptions"}
_STYLE = """
text { font: 12px sans-serif; fill: #222 } .axis { stroke: #999 } .row { stroke: #ddd }
.checkpoint { stroke: #2a7d4f; stroke-dasharray: 2 3 } .fault { fill: #d03b2f; fill-opacity: .18 }
.interruption { stroke: #d03b2f; stroke-width: 2 } .back { fill: #fff }
.output { fill: #2563b0 } .effect { fill: #b35c00 } .record { fill: #6b4fa0 }
@media (prefers-color-scheme: dark) { .back { fill: #1c1c1e }
text { fill: #ddd } .row { stroke: #444 } .output { fill: #7db2f0 } .effect { fill: #f0a35c } .record { fill: #b8a3e6 }
.checkpoint { stroke: #6fcf97 } .interruption { stroke: #ff8a80 } .fault { fill: #ff8a80 } }
"""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Something that happened for a key, with a text that the mouse shows."""

    at_s: float
    key: Any
    kind: str
    text: str


def timeline_picture(history: History, redactor: Redactor) -> str:
    """Return an SVG image, empty if neither an effect nor a fault has a time.

    A row is a key, at most twenty; the axis is in seconds since the first moment that is known.
    """
    if not history.faults and not history.calls:
        return ""
    marks = sorted(_marks(history), key=lambda mark: mark.at_s)
    moments = [mark.at_s for mark in marks] + [one.completed_s for one in history.checkpoints]
    moments += [at_s for fault in history.faults for at_s in (fault.began_s, fault.ended_s)]
    picture = _Picture(min(moments), max(moments), redactor)
    rows: dict[str, Any] = {}
    for key in chain((one.key for one in history.inputs), (mark.key for mark in marks)):
        rows.setdefault(identity(key), key)
    picture.frame(rows)
    lines = {"checkpoint": history.checkpoints, "interruption": history.interruptions}
    picture.legend({mark.kind for mark in marks} | {kind for kind, found in lines.items() if found})
    picture.background(history)
    picture.marks(marks)
    return picture.text()


def _marks(history: History) -> Iterator[_Mark]:
    for output in history.outputs:
        if output.at_s is not None:
            cause = "" if output.input is None else f" of input {output.input}"
            yield _Mark(output.at_s, output.key, "output", f"output{cause}")
    for call in history.calls or ():
        cause = "" if call.input is None else f", input {call.input}"
        text = f"call {call.sequence}: {call.method} {call.path}, status {call.status}{cause}"
        yield _Mark(call.at_s, call.key, "effect", text)
    for record in history.actions or ():
        state = record.state
        if not state.removed:
            text = f"record of {state.action}: {'completed' if state.completed else 'in progress'}"
            yield _Mark(state.at_s, state.key, "record", text)


def _label(key: Any) -> str:
    return "no key" if key is None else json.dumps(key, sort_keys=True, ensure_ascii=False)


def _step_of(span_s: float) -> float:
    """Return the distance of ticks: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(span_s / _MOST_TICKS))
    return next(factor * power for factor in (1, 2, 5, 10) if span_s / (factor * power) <= _MOST_TICKS)


class _Picture:
    """An SVG image under construction, and its scale."""

    def __init__(self, first_s: float, last_s: float, redactor: Redactor) -> None:
        self._first_s = first_s
        # A run with one moment has a scale, too.
        self._span_s = max(last_s - first_s, 0.001)
        self._redactor = redactor
        self._rows: dict[str, int] = {}
        self._svg = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        SubElement(self._svg, "title").text = "Outputs and effects of each key, checkpoints and faults over time"
        SubElement(self._svg, "style").text = _STYLE

    def text(self) -> str:
        """Return the image."""
        indent(self._svg)
        return tostring(self._svg, encoding="unicode") + "\n"

    def frame(self, keys: Mapping[str, Any]) -> None:
        """Draw rows and axis; ``keys`` are those of the rows by their identity."""
        shown = list(keys)[:_MAX_KEYS]
        self._rows = {key: _TOP + _ROW * (number + 1) for number, key in enumerate(shown)}
        bottom = _TOP + _ROW * (len(shown) + 1)
        height = bottom + 46
        self._svg.set("viewBox", f"0 0 {_WIDTH} {height}")
        self._svg.set("width", str(_WIDTH))
        # Of its own, since a page around it may be light while the colours are those for the dark.
        SubElement(self._svg, "rect", {"class": "back", "width": str(_WIDTH), "height": str(height)})
        for key, y in self._rows.items():
            self._line("row", _LEFT, y, _LEFT + _PLOT, y)
            self._words(_LEFT - 10, y + 4, _label(keys[key]), end=True)
        self._line("axis", _LEFT, bottom, _LEFT + _PLOT, bottom)
        step_s = _step_of(self._span_s)
        for tick in range(int(self._span_s / step_s) + 1):
            x = _LEFT + _PLOT * tick * step_s / self._span_s
            self._line("axis", x, bottom, x, bottom + 5)
            self._words(x, bottom + 20, f"{tick * step_s:g} s", middle=True)
        if len(keys) > len(shown):
            self._words(_LEFT, height - 6, f"and {len(keys) - len(shown)} more keys")

    def legend(self, kinds: Collection[str]) -> None:
        """Draw the meaning of the forms and lines that are in the picture."""
        shown = {kind: name for kind, name in {**_KINDS, **_LINES}.items() if kind in kinds}
        for number, (kind, name) in enumerate(shown.items()):
            x = _LEFT + _LEGEND * number
            if kind in _KINDS:
                self._form(kind, x, 16, name)
            else:
                self._line(kind, x, 8, x, 24)
            self._words(x + 12, 20, name)

    def background(self, history: History) -> None:
        """Draw checkpoints, faults and interruptions over all rows."""
        top = _TOP - 8
        bottom = _TOP + _ROW * (len(self._rows) + 1)
        for fault in history.faults:
            x, end = self._x(fault.began_s), self._x(fault.ended_s)
            facts = {"class": "fault", "x": f"{x:.1f}", "y": str(top), "width": f"{max(end - x, 1):.1f}"}
            area = SubElement(self._svg, "rect", {**facts, "height": str(bottom - top)})
            effect = "interrupted the job" if fault.interrupted else "felt" if fault.felt else "not felt"
            self._tip(area, f"{fault.name}: {effect}, {fault.ended_s - fault.began_s:.3g} s until the recovery")
            self._words(x, top - 4, fault.name, most=_FAULT_CHARACTERS)
        for checkpoint in history.checkpoints:
            x = self._x(checkpoint.completed_s)
            what = "savepoint" if checkpoint.savepoint else "checkpoint"
            self._tip(self._line("checkpoint", x, top, x, bottom), f"{what} {checkpoint.id} completed")
        for interruption in history.interruptions:
            x = self._x(interruption.at_s)
            self._tip(self._line("interruption", x, top, x, bottom), f"interrupted by {interruption.cause}")

    def marks(self, marks: list[_Mark]) -> None:
        """Draw what happened for the keys; of equal marks at one pixel the first."""
        drawn: set[tuple[str, str, int]] = set()
        for mark in marks:
            key = identity(mark.key)
            x, y = self._x(mark.at_s), self._rows.get(key)
            place = (key, mark.kind, round(x))
            if y is None or place in drawn:
                continue
            drawn.add(place)
            self._form(mark.kind, x, y, f"{mark.text}, after {mark.at_s - self._first_s:.3f} s")

    def _x(self, at_s: float) -> float:
        share = min(max((at_s - self._first_s) / self._span_s, 0.0), 1.0)
        return _LEFT + _PLOT * share

    def _form(self, kind: str, x: float, y: float, tip: str) -> None:
        """Draw a circle for an output, a diamond for an effect, a square for a record."""
        if kind == "output":
            form = SubElement(self._svg, "circle", {"cx": f"{x:.1f}", "cy": f"{y:g}", "r": "4"})
        elif kind == "effect":
            points = f"{x:.1f},{y - 7:g} {x + 6:.1f},{y:g} {x:.1f},{y + 7:g} {x - 6:.1f},{y:g}"
            form = SubElement(self._svg, "polygon", {"points": points})
        else:
            form = SubElement(self._svg, "rect", {"x": f"{x - 3:.1f}", "y": f"{y - 3:g}", "width": "6", "height": "6"})
        form.set("class", kind)
        self._tip(form, tip)

    def _line(self, kind: str, x: float, y: float, to_x: float, to_y: float) -> Element:
        ends = {"x1": f"{x:.1f}", "y1": f"{y:g}", "x2": f"{to_x:.1f}", "y2": f"{to_y:g}"}
        return SubElement(self._svg, "line", {"class": kind, **ends})

    def _words(
        self, x: float, y: float, text: str, *, end: bool = False, middle: bool = False, most: int = _LABEL_CHARACTERS
    ) -> None:
        anchor = "end" if end else "middle" if middle else "start"
        words = SubElement(self._svg, "text", {"x": f"{x:.1f}", "y": f"{y:g}", "text-anchor": anchor})
        line = self._redactor.line(text)
        words.text = line if len(line) <= most else f"{line[: most - 1]}…"

    def _tip(self, of: Element, text: str) -> None:
        SubElement(of, "title").text = self._redactor.line(text)
