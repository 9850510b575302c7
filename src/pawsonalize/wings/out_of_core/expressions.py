"""The pieces of every count, as expressions of narwhals.

They say what `recipes/counts` computes with numpy, bit for bit. So they take whole numbers, and of
fractions only sums, products, roots and comparisons, which every engine rounds alike; never a
quotient or a power.
"""

from typing import Any

import narwhals as nw

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.counts.weights import CURVE, GRAIN, OLDEST
from pawsonalize.wings.out_of_core.base import Frame

Expr = nw.Expr
col = nw.col


def on_grain(value: Expr) -> Expr:
    """How many parts of `GRAIN` the value is, a whole number."""
    return rounded(value, GRAIN)


def rounded(value: Expr, grain: float) -> Expr:
    """How many parts the value is, of so many in one."""
    return (value * grain + 0.5).floor().cast(nw.Int64)


def with_fade(frame: Frame, name: str, active: str, newest: float, half_life_days: float) -> Frame:
    """The frame with what age leaves of each row, see `halved`; `active` is its active time."""
    halvings = (newest - col(active).cast(nw.Float64)) * (1.0 / (half_life_days * DAY))
    part, whole = f"{name}_part", f"{name}_whole"
    frame = frame.with_columns(**{part: between(halvings, 0.0, float(OLDEST))})
    frame = frame.with_columns(**{whole: col(part).floor().cast(nw.Int64)})
    frame = frame.with_columns(**{part: col(part) - col(whole).cast(nw.Float64)})
    curve: Any = CURVE[-1]
    for factor in CURVE[-2::-1]:
        curve = col(part) * curve + factor
    left = (1.0 - col(part) * 0.5) + (col(part) * (1.0 - col(part))) * curve
    return frame.with_columns(**{name: left * _power(whole)}).drop(part, whole)


def _power(whole: str) -> Expr:
    result: Any = nw.lit(0.5**OLDEST)
    for halvings in range(OLDEST):
        result = nw.when(col(whole) == halvings).then(nw.lit(0.5**halvings)).otherwise(result)
    return result  # type: ignore[no-any-return]


def between(value: Expr, least: float, most: float) -> Expr:
    """The value, or the nearer of the two bounds."""
    higher = nw.when(value < least).then(nw.lit(least)).otherwise(value)
    return nw.when(value > most).then(nw.lit(most)).otherwise(higher)


def earlier(name: str, count: int, order: str = "place") -> Expr:
    """What stands in a column of the visitor's row so many rows before; null without one."""
    return col(name).shift(count).over("visitor", order_by=order)


def slice_of(time: Expr, edges: list[float]) -> Expr:
    """How many of the edges, in ascending order, are not after the time; at least one."""

    def search(low: int, high: int) -> Any:
        if low == high:
            return nw.lit(low)
        middle = (low + high + 1) // 2
        is_later = time >= edges[middle]
        return nw.when(is_later).then(search(middle, high)).otherwise(search(low, middle - 1))

    return search(0, len(edges) - 1)  # type: ignore[no-any-return]
