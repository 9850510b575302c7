"""The sums of marks by which data are known, see `recipes/fingerprint.py`."""

from collections.abc import Sequence

import narwhals as nw
import numpy as np

from pawsonalize.recipes.counts.weights import GRAIN, MOST
from pawsonalize.recipes.facets import FacetColumn
from pawsonalize.recipes.fingerprint import FACTORS, PRIME, SHIFT, facet_mark
from pawsonalize.wings.out_of_core.base import CountingEngine, Frame, Numbers
from pawsonalize.wings.out_of_core.expressions import between, col

SOURCES = ("said", "near", "own")
"""Where facets come from: the event, the event before, the user."""


def sums_of_marks(
    engine: CountingEngine,
    histories: Sequence[Frame],
    columns: Sequence[FacetColumn],
    n_items: int,
) -> Numbers:
    """The sum of the marks of each item's events, shape (items,)."""
    sums = np.zeros(n_items, np.int64)
    told = _marks_of_sources(columns)
    for rows in histories:
        marked = _marked(engine, rows, told).group_by("item").agg(mark=col("mark").sum())
        found = engine.collect(marked)
        np.add.at(sums, found["item"], found["mark"].astype(np.int64))
    return sums


def _marks_of_sources(columns: Sequence[FacetColumn]) -> dict[str, Numbers]:
    """Of each source the marks of what may be told; the last is that of nothing."""
    marks: dict[str, Numbers] = {}
    for place, column in enumerate(columns):
        source = SOURCES[column.source]
        own = facet_mark(place, column.codes)
        marks[source] = (marks[source] + own) % PRIME if source in marks else own
    return marks


def _marked(engine: CountingEngine, rows: Frame, told: dict[str, Numbers]) -> Frame:
    value = nw.when(col("value").is_null()).then(nw.lit(int(-GRAIN) % PRIME))
    grains = on_grain_floor(between(col("value"), 0.0, MOST)) % PRIME
    columns = (
        col("item").cast(nw.Int64),
        col("kind").cast(nw.Int64),
        value.otherwise(grains),
        col("time") % PRIME,
        (col("place") - 1) % PRIME,
        col("before").cast(nw.Int64) + 1,
    )
    rows = rows.with_columns(mark=nw.lit(0, nw.Int64))
    for source, marks in told.items():
        codes = np.arange(-1, len(marks) - 1, dtype=np.int32)
        table = engine.table({source: codes, "told": np.roll(marks, 1)})
        rows = rows.join(table, on=source, how="left")
        rows = rows.with_columns(mark=(col("mark") + col("told")) % PRIME).drop("told")
    for column, factor in zip(columns, FACTORS, strict=True):
        rows = rows.with_columns(mark=(col("mark") + column * factor % PRIME) % PRIME)
    return rows.with_columns(mark=col("mark") * ((col("mark") + SHIFT) % PRIME) % PRIME)


def on_grain_floor(value: nw.Expr) -> nw.Expr:
    """How many whole parts of `GRAIN` fit into the value."""
    return (value * GRAIN).floor().cast(nw.Int64)
