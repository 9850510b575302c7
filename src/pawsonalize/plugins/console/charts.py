"""Charts of lines: a drawing as SVG, and the values for a script that draws a larger one."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pawsonalize.app.pages.happenings import Happening
from pawsonalize.core.times import SECOND

LEFT, RIGHT, TOP, BOTTOM = 44, 352, 10, 128
_TICKS = 3
_KINDS = 4
_MOST_DIGITS = 9


class ChartLine(msgspec.Struct, frozen=True):
    """A line of a chart; None is a gap."""

    label: str
    values: tuple[float | None, ...]


class ChartMark(msgspec.Struct, frozen=True):
    """Something that happened, at a place of the chart; `kind` is good, bad or other."""

    place: float
    text: str
    kind: str = "other"


class LineChart(msgspec.Struct, frozen=True):
    """Lines over the same places, with the words of a table that says the same.

    `places` are where the values stand from left to right, in any unit, such as moments; evenly, if
    left out. With `is_stepped` a value holds until the next. `form` writes a value, as in
    `"{:,.0f} ms"`.
    """

    title: str
    heads: tuple[str, ...]
    """Names of the places, for the table and the ends of the axis."""
    lines: tuple[ChartLine, ...]
    form: str = "{:,.2f}"
    places: tuple[float, ...] = ()
    is_time: bool = False
    """True if the places are moments."""
    unit: str = ""
    """The unit of places that are no moments."""
    marks: tuple[ChartMark, ...] = ()
    is_stepped: bool = False
    top: float | None = None
    """The highest value of the axis; by the values, if left out."""
    place_name: str = "When"
    """The heading of the table's first column."""
    nothing: str = "Nothing yet."
    """Text in place of an empty chart."""

    @classmethod
    def of(
        cls,
        title: str,
        heads: Sequence[str],
        points: Sequence[object],
        fields: Mapping[str, str],
        **options: Any,
    ) -> "LineChart":
        """Return a chart of fields of points: a line for each, by its label."""
        lines = (
            ChartLine(label, tuple(getattr(point, name) for point in points))
            for label, name in fields.items()
        )
        return cls(title, tuple(heads), tuple(lines), **options)

    @property
    def says(self) -> str:
        """The chart in one sentence, for those who do not see it."""
        parts = []
        for line in self.lines:
            known = [value for value in line.values if value is not None]
            if known:
                parts.append(
                    f"{line.label}: last {self.written(known[-1])},"
                    f" {self.written(min(known))} to {self.written(max(known))}"
                )
        return f"{self.title}, {self.heads[0]} to {self.heads[-1]}. {'; '.join(parts)}"

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to draw."""
        return not any(value is not None for line in self.lines for value in line.values)

    def written(self, value: float | None) -> str:
        """Return a value as the table has it."""
        return "-" if value is None else self.form.format(value)

    @property
    def data(self) -> str:
        """The values as JSON, for the script."""
        per = SECOND if self.is_time else 1
        digits = re.search(r"\.(\d)", self.form)
        return json.dumps(
            {
                "x": [one / per for one in self.places] or list(range(len(self.heads))),
                "heads": self.heads,
                "lines": [{"label": one.label, "values": one.values} for one in self.lines],
                "marks": [
                    {"x": one.place / per, "text": one.text, "kind": one.kind} for one in self.marks
                ],
                "isTime": self.is_time,
                "isEven": not self.places,
                "isStepped": self.is_stepped,
                "isShare": "%" in self.form,
                "digits": int(digits[1]) if digits else 0,
                "unit": self.unit,
                "top": self.top,
            }
        )

    def marked(self) -> Iterator[tuple[str, str, float]]:
        """Yield kind, text and horizontal place of the marks within the chart."""
        for one in self.marks:
            if self.places and self.places[0] <= one.place <= self.places[-1]:
                yield one.kind, one.text, self._across(one.place)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield the lines of the grid: the height of each, and its value."""
        most = self._most()
        values = [most * number / (_TICKS - 1) for number in range(_TICKS)]
        # As many digits as it takes for each label to be true, and so another one.
        exact = (
            f"{{:,.{digits}f}}"
            for digits in range(_MOST_DIGITS)
            if all(math.isclose(round(value, digits), value) for value in values)
        )
        form = self.form if "%" in self.form else next(exact, self.form)
        for value in values:
            yield self._y(value), form.format(value)

    def drawn(self) -> Iterator[tuple[int, str, str]]:
        """Yield the lines: number of its colour and dash, label, and path of each."""
        for number, line in enumerate(self.lines):
            yield number % _KINDS, line.label, self._path(line.values)

    def dots(self) -> Iterator[tuple[int, float, float]]:
        """Yield values without a neighbour, which no line would show."""
        for number, line in enumerate(self.lines):
            threes = zip((None, *line.values), line.values, (*line.values[1:], None), strict=False)
            for place, (before, value, after) in enumerate(threes):
                if value is not None and before is None and after is None:
                    yield number % _KINDS, self._x(place), self._y(value)

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the rows of the table."""
        for place, head in enumerate(self.heads):
            yield head, [self.written(line.values[place]) for line in self.lines]

    def _most(self) -> float:
        if self.top is not None:
            return self.top
        known = [value for line in self.lines for value in line.values if value is not None]
        return _round_up(max(known, default=0.0))

    def _x(self, place: int) -> float:
        places: Sequence[float] = self.places or range(len(self.heads))
        return self._across(places[place])

    def _across(self, value: float) -> float:
        places: Sequence[float] = self.places or range(len(self.heads))
        first, last = places[0], places[-1]
        share = (value - first) / (last - first) if last > first else 0.5
        return LEFT + share * (RIGHT - LEFT)

    def _y(self, value: float) -> float:
        return BOTTOM - min(max(value / self._most(), 0.0), 1.0) * (BOTTOM - TOP)

    def _path(self, values: tuple[float | None, ...]) -> str:
        parts = ""
        for place, (before, value) in enumerate(zip((None, *values), values, strict=False)):
            if value is not None:
                x, y = f"{self._x(place):.1f}", f"{self._y(value):.1f}"
                step = f"H{x}V{y}" if self.is_stepped else f"L{x} {y}"
                parts += f"M{x} {y}" if before is None else step
        return parts


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 2.5, 4, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 4, 5, 10) if step * power >= value * 0.999)


def marks_of(happened: Iterable[Happening]) -> tuple[ChartMark, ...]:
    """Return marks at the moments of what happened."""
    return tuple(ChartMark(one.moment, one.text, one.kind) for one in happened)
