"""All counted tables of one training, built from one log and nothing else."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.counts.availability import AvailabilityFactor, AvailabilityHistory
from pawsonalize.recipes.counts.log import VisitLog
from pawsonalize.recipes.counts.rows import Counts, SparseRows
from pawsonalize.recipes.counts.steps import count_steps
from pawsonalize.recipes.counts.weights import ActiveTime, WeighedLog
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.factors import Factors, factorise
from pawsonalize.recipes.learned.likeness import Likeness, build_likeness, likeness_of
from pawsonalize.recipes.learned.neighbours import Postings, build_postings
from pawsonalize.recipes.mixture import Mixture
from pawsonalize.recipes.mixture_settings import MixtureSettings

Array = NDArray[Any]
_SLICES = 64
_HALVES = (1, 4)  # half-lives of the trends, in slices of 1/64 of the log's active time


@dataclass(frozen=True)
class Trend:
    """How often items were chosen, in all and lately; a stored model keeps the last slice alone."""

    total: Array
    """Shape (items,) float32."""
    recent: Array
    """Decayed choices at each slice's end, shape (halves, slices, items); none without times."""
    edges: Array
    """The slices' first moments, shape (slices,)."""

    @cached_property
    def between_equals(self) -> Array:
        """A thousandth of the share of the most chosen item, shape (items,) float32."""
        return self.total * np.float32(1e-3 / max(float(self.total.max(initial=1.0)), 1.0))

    @cached_property
    def log(self) -> Array:
        """The log of 1 + total, shape (items,) float32."""
        return np.log1p(self.total)

    @cached_property
    def root(self) -> Array:
        """The root of 1 + total, shape (items,) float32."""
        return np.sqrt(self.total + np.float32(1.0))

    def slice_of(self, moment: float) -> int:
        """The slice of a moment."""
        return max(int(np.searchsorted(self.edges, moment, side="right")) - 1, 0)


@dataclass(frozen=True, slots=True)
class Usual:
    """What is chosen usually. `rate` (cells + 1,): log of choices per available animal.

    `share` (values,) are the shares of choices by value of each matched attribute.
    """

    rate: Array
    share: Array

    @classmethod
    def of(
        cls, total: Array, index: ItemIndex, availability: AvailabilityFactor, likeness: Likeness
    ) -> "Usual":
        """Count the choices `total` (items,)."""
        size = index.n_cells + 1
        chosen, there = np.zeros(size), np.zeros(size)
        for cells in index.cells[:, :-1]:
            chosen += np.bincount(cells, total, size)
            there += np.bincount(cells, availability.usual, size)
        share = [np.zeros(0)]
        for values, nothing in zip(likeness.values[:, :-1], likeness.nothing.tolist(), strict=True):
            weight = np.bincount(values - nothing, total) + 1.0
            share.append(weight / weight.sum())
        rate = np.log((chosen + 1.0) / (there + availability.smoothing))
        return cls(rate, np.concatenate(share))


@dataclass(frozen=True, slots=True)
class Tables:
    """What answers a request; everything an artefact holds of the counts."""

    design: Design
    index: ItemIndex
    forward: SparseRows
    backward: SparseRows
    postings: Postings
    trend: Trend
    likeness: Likeness
    factors: Factors
    mixture: Mixture
    usual: Usual

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.index.ids)


@dataclass(frozen=True, slots=True)
class Counted:
    """Tables with what a training needs beside them: the log and the additive counts.

    `facets` (visits, F) are the visits' rows among the lifts, the same for every part of the data.
    """

    events: WeighedLog
    log: VisitLog
    counts: Counts
    forward_scale: Array
    backward_scale: Array
    tables: Tables
    stays: AvailabilityHistory | None
    facets: Array


def count(events: WeighedLog, log: VisitLog, mixture: Mixture, design: Design) -> Counted:
    """Count the log and derive the tables."""
    data, likeness = events.data, likeness_of(*build_likeness(events.data.attributes))
    counts = count_visit_steps(log, design)
    scales, tables = derive(log, counts, factorise(counts, design), mixture, likeness, design)
    stays = AvailabilityHistory.of(data.stays, log.n_items) if len(data.stays) else None
    facets = mixture.facets.rows_of(replace(data.facets, codes=log.facets))
    return Counted(events, log, counts, *scales, tables, stays, facets)


def derive(
    log: VisitLog,
    counts: Counts,
    factors: Factors,
    mixture: Mixture,
    likeness: Likeness,
    design: Design,
) -> tuple[tuple[Array, Array], Tables]:
    """Everything that is served, from the additive counts; first the scales of the rows."""
    backward = sparse.csr_array(counts.T)
    scale, back_scale = _row_scale(counts, design.row_power), _row_scale(backward, design.row_power)
    trend = build_trend(log, log)
    tables = Tables(
        design=design,
        index=mixture.index,
        forward=_scaled(counts, scale, design),
        backward=_scaled(backward, back_scale, design),
        postings=build_postings(log, design.postings),
        trend=trend,
        likeness=likeness,
        factors=factors,
        mixture=mixture,
        usual=Usual.of(trend.total, mixture.index, mixture.availability, likeness),
    )
    return (scale, back_scale), tables


def without_fold(c: Counted, member: Array, settings: MixtureSettings) -> Tables:
    """The tables with factors, mixture and trend without these users (a mask): the cross-fit.

    Taking only the request's own visits out of a popularity would mark the label: beside tables
    that give away which item it is, one fewer than usual is the choice.
    """
    design = c.tables.design
    own = count_visit_steps(c.log.of_users(member), design)
    counts = sparse.csr_array(c.counts - own)
    data = c.events.data
    rest = replace(c.events, data=data.of_events(~member[data.user]))
    others = c.log.of_users(~member)
    share = max(float(others.weights.sum()), 1e-9) / max(float(c.log.weights.sum()), 1e-9)
    others = replace(others, weights=others.weights / share, worth=others.worth / share)
    mixture, trend = Mixture.fit(rest, c.tables.index, settings), build_trend(others, c.log)
    return replace(
        c.tables,
        factors=factorise(counts, design),
        mixture=mixture,
        trend=trend,
        usual=Usual.of(trend.total, c.tables.index, mixture.availability, c.tables.likeness),
    )


def count_visit_steps(log: VisitLog, design: Design) -> Counts:
    """Steps between visits, row = earlier item, column = later item; exact."""
    return count_steps(
        log.owners,
        log.items,
        log.weights,
        log.n_items,
        window=design.window,
        gap_decay=design.gap_decay,
        exact=True,
    )


def _row_scale(counts: Counts, power: float) -> Array:
    """Multiplier of each row, shape (items,): popular rows are damped, not flattened."""
    return np.asarray(np.maximum(np.asarray(counts.sum(axis=1)), 1.0) ** -power)


def _scaled(counts: Counts, scale: Array, design: Design) -> SparseRows:
    """The largest entries of each scaled row."""
    return SparseRows.of(sparse.csr_array(sparse.diags_array(scale) @ counts), design.row_keep)


def build_trend(log: VisitLog, whole: VisitLog) -> Trend:
    """Count, slice by slice of the whole log's active time."""
    n = log.n_items
    total = np.bincount(log.items, log.weights, minlength=n).astype(np.float32)
    if not whole.timed:
        return Trend(total, np.zeros((0, 1, n), np.float32), np.zeros(0))
    clock = ActiveTime.of(whole.times)
    first, last = clock.at(whole.times.min()), clock.at(whole.times.max())
    edges = clock.moments(np.linspace(first, last, _SLICES, endpoint=False))
    part = np.maximum(np.searchsorted(edges, log.times, side="right") - 1, 0)
    counts = np.bincount(part * n + log.items, log.worth, minlength=_SLICES * n)
    counts = counts.reshape(_SLICES, n)
    recent = np.zeros((len(_HALVES), _SLICES, n), np.float32)
    for k, half in enumerate(_HALVES):
        running = np.zeros(n)
        for place in range(_SLICES):
            running = running * 0.5 ** (1.0 / half) + counts[place]
            recent[k, place] = running
    return Trend(total, recent, edges)
