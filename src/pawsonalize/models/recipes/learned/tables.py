"""All counted tables of one training, and factors, built from one log and nothing else."""

from functools import cached_property
from typing import Annotated, Self

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.models.recipes.artefact import Kept, Stored, finite, weights
from pawsonalize.models.recipes.counts.counting import EventCounts, LogSummary
from pawsonalize.models.recipes.counts.popularity import AvailabilityFactor, AvailabilityHistory
from pawsonalize.models.recipes.counts.rows import Counts, SparseRows, keep_largest, tidy
from pawsonalize.models.recipes.counts.weights import LogClock, VisitLog, on_grain
from pawsonalize.models.recipes.data import Array, Ints, Singles, TrainingData
from pawsonalize.models.recipes.ease import SignedRows, choices, ease_weights
from pawsonalize.models.recipes.items import ItemIndex
from pawsonalize.models.recipes.late_scipy import sparse
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.similarity import (
    Likeness,
    Postings,
    build_likeness,
    build_postings,
    likeness_of,
)
from pawsonalize.models.recipes.mixture import Mixture, MixtureCounts, MixtureSettings

_FIRST = 32  # factors that say enough of an item to choose candidates
SLICES = 64
_HALVES = (1, 4)  # half-lives of the trends, in slices of 1/64 of the log's active time


class Factors(Stored, frozen=True):
    """j after i scores the product of their rows: `source` and `target`, (items, rank) float32."""

    source: Annotated[Singles, Kept("source", "items rank", finite)]
    target: Annotated[Singles, Kept("targets", "items rank", finite)]
    # First factors of all targets, (few, items): they choose candidates, faster in this order.
    first: Array

    @classmethod
    def of(cls, source: Array, target: Array) -> Self:
        """With the first of the factors of `target` (items, rank), the largest first."""
        target = np.ascontiguousarray(target, np.float32)
        return cls(source, target, np.ascontiguousarray(target[:, :_FIRST].T))

    def of_rows(self, rows: Ints) -> "Factors":
        """Those of items that are numbered anew; the row behind the last is of a new item."""
        nothing = np.zeros((1, self.source.shape[1]), np.float32)
        both = (self.source, self.target)
        return Factors.of(*(np.concatenate([one, nothing])[rows] for one in both))


def factorise(counts: Counts, design: Design) -> Factors:
    """Truncated SVD of damped counts, divided by the degrees of both sides."""
    size = counts.shape[0]
    if counts.nnz > design.factor_entries:
        counts = keep_largest(counts, max(design.factor_entries // size, 1))
    matrix = sparse.csr_array(counts + design.backward * counts.T)
    matrix.data[matrix.data < 1e-6] = 0.0
    # To view an item twice in a row says nothing of others.
    matrix.setdiag(0.0)
    matrix.eliminate_zeros()
    matrix.data = matrix.data**design.damping
    out = np.asarray(matrix.sum(axis=1)) + 1.0
    into = np.asarray(matrix.sum(axis=0)) + 1.0
    scaled = (
        sparse.diags_array(out**-design.degree_power)
        @ matrix
        @ sparse.diags_array(into**-design.degree_power)
    )
    # As many factors as items would only repeat the counts.
    rank = min(design.rank, max(size // 8, 1))
    left, right = _truncated(sparse.csr_array(scaled, dtype=np.float32), rank, design)
    source = left * (out**-0.5)[:, None]
    target = right * (into**design.degree_power)[:, None]
    return Factors.of(source.astype(np.float32), target)


def _truncated(matrix: Counts, rank: int, design: Design) -> tuple[Array, Array]:
    """Left (items, rank) @ right.T near the matrix, right orthonormal: subspace iteration."""
    rng = np.random.default_rng(design.seed)
    size = matrix.shape[1]
    # Some columns more than wanted, so that the wanted ones are found well (Halko, Martinsson and
    # Tropp, SIAM Review 53, 2011).
    basis = rng.standard_normal((size, min(rank + 16, size))).astype(np.float32)
    transposed = sparse.csr_array(matrix.T)
    for _ in range(design.sweeps):
        basis, _ = np.linalg.qr(transposed @ (matrix @ basis))
    image = matrix @ basis
    # A symmetric problem as small as the rank, instead of an SVD of all items.
    values, vectors = np.linalg.eigh(image.T @ image)
    vectors = vectors[:, np.argsort(-values, kind="stable")[:rank]]
    return image @ vectors, basis @ vectors


class Trend(Stored, frozen=True, dict=True):
    """Choices of items, in all and lately; a stored model keeps the last slice alone."""

    total: Annotated[Singles, Kept("popularity", "items", weights)]
    recent: Annotated[Singles, Kept("recent", "halves items", finite)]
    """Decayed choices at each slice's end, shape (halves, slices, items); none without times."""
    edges: Array

    def arrays(self) -> dict[str, Array]:
        """Return what is kept as plain arrays; of `recent` the last slice alone."""
        return {**super().arrays(), "recent": self.recent[:, -1]}

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
        return np.asarray(np.sqrt(self.total + np.float32(1.0)))

    def slice_of(self, moment: float) -> int:
        """The slice of a moment."""
        return max(int(self.edges.searchsorted(moment, side="right")) - 1, 0)


class Usual(msgspec.Struct, frozen=True):
    """Usual choices of everybody."""

    rate: Array  # log of choices per available animal of each cell, shape (cells + 1,)
    # The share of choices that each value of a matched attribute has, shape (values,) float32.
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
        share = np.zeros(likeness.n_values, np.float32)
        for values, first in zip(likeness.values[:-1].T, likeness.nothing.tolist(), strict=True):
            # Plus one, as the visitor's own share is divided by this.
            weight = np.bincount(values - first, total) + 1.0
            share[first : first + len(weight)] = weight / weight.sum()
        rate = np.log((chosen + 1.0) / (there + availability.smoothing))
        return cls(rate.astype(np.float32), share)


class Tables(Stored, frozen=True, dict=True):
    """Tables that answer a request; everything that an artefact holds of the counts."""

    design: Design
    forward: Annotated[SparseRows, Kept("forward.", "items")]
    backward: Annotated[SparseRows, Kept("backward.", "items")]
    postings: Annotated[Postings, Kept("")]
    trend: Annotated[Trend, Kept("")]
    likeness: Annotated[Likeness, Kept("")]
    factors: Annotated[Factors, Kept("")]
    ease: Annotated[SignedRows | None, Kept("ease.")]
    mixture: Mixture

    @cached_property
    def usual(self) -> Usual:
        """Usual choices, from the trend's total."""
        mixture = self.mixture
        return Usual.of(self.trend.total, mixture.index, mixture.availability, self.likeness)

    @property
    def index(self) -> ItemIndex:
        """The catalogue."""
        return self.mixture.index

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.index.ids)


class StepCounts(msgspec.Struct, frozen=True):
    """Sums over users that the tables are counted from: see `EventCounts`."""

    steps: Counts
    visits: Array
    by_time: Array
    edges: Array

    @classmethod
    def of(cls, log: EventCounts, edges: Array, design: Design) -> "StepCounts":
        """Count the visits of all users, or of some."""
        return cls(
            steps=log.visit_steps(design.weights, design.window, design.gap_decay),
            visits=log.visits(design.weights),
            by_time=log.visits_by_time(design.weights, edges) if len(edges) else np.zeros((0, 0)),
            edges=edges,
        )

    def minus(self, part: "StepCounts") -> "StepCounts":
        """Those of all users but some."""
        steps, by_time = tidy(self.steps - part.steps), self.by_time - part.by_time
        return StepCounts(steps, self.visits - part.visits, by_time, self.edges)

    def scale(self, factor: float) -> "StepCounts":
        """The visits, so many times."""
        return replace(self, visits=self.visits * factor, by_time=self.by_time * factor)


def slice_edges(summary: LogSummary) -> Array:
    """The first moments of the slices of the log's active time; none where all times are equal."""
    times = summary.times
    if not len(times) or times.max() == times.min():
        return np.zeros(0)
    clock = summary.clock.active
    first, last = clock.at(times.min()), clock.at(times.max())
    return clock.moments(np.linspace(first, last, SLICES, endpoint=False))


class Counted(msgspec.Struct, frozen=True):
    """Tables, and what else a training needs; `facets` (visits, F) are rows of lifts."""

    sample: TrainingData
    log: VisitLog
    clock: LogClock
    counts: StepCounts
    mixture_counts: MixtureCounts
    forward_scale: Array
    backward_scale: Array
    tables: Tables
    stays: AvailabilityHistory | None
    facets: Array


def count(
    log: EventCounts,
    sample: EventCounts,
    mixture_counts: MixtureCounts,
    mixture: Mixture,
    design: Design,
) -> Counted:
    """Count the log and derive the tables."""
    data, summary = sample.data, log.summary
    visits = sample.visit_log(design.weights)
    likeness = likeness_of(*build_likeness(summary.data.attributes))
    counts = StepCounts.of(log, slice_edges(summary), design)
    factors = factorise(counts.steps, design)
    scales, tables = derive(visits, counts, factors, mixture, likeness, design)
    stays = AvailabilityHistory.of(data.stays, visits.n_items) if len(data.stays) else None
    facets = mixture.facets.rows_of(replace(data.facets, codes=visits.facets))
    return Counted(
        data, visits, summary.clock, counts, mixture_counts, *scales, tables, stays, facets
    )


def derive(
    log: VisitLog,
    counts: StepCounts,
    factors: Factors,
    mixture: Mixture,
    likeness: Likeness,
    design: Design,
    ease: SignedRows | None = None,
) -> tuple[tuple[Array, Array], Tables]:
    """Everything that is served, from the additive counts; first the scales of the rows."""
    steps = counts.steps
    backward = sparse.csr_array(steps.T)
    scale, back_scale = _row_scale(steps, design.row_power), _row_scale(backward, design.row_power)
    tables = Tables(
        design,
        _scaled(steps, scale, design),
        _scaled(backward, back_scale, design),
        build_postings(log, design.postings),
        build_trend(counts),
        likeness,
        factors,
        ease,
        mixture,
    )
    return (scale, back_scale), tables


def fit_ease(log: VisitLog, among: Array, design: Design) -> SignedRows | None:
    """Fit EASE on these visits (a mask), as rows; None for a catalogue that is too large."""
    if log.n_items > design.ease_items:
        return None
    # What is older than a visitor who is served is known by says nothing of such visitors.
    newest = log.offsets[1:].repeat(log.lengths) - np.arange(len(log.items)) <= design.seen_events
    kept = among & newest & (np.arange(len(log.items)) < design.ease_visits)
    had = choices(log.owners[kept], log.items[kept], (log.n_users, log.n_items))
    # On the grain, as the last bits hang on how many threads solve it.
    weights = on_grain(ease_weights(had, design.ease_penalty))
    return SignedRows.of(sparse.csr_array(weights), design.ease_keep)


def without_fold(c: Counted, member: Array, settings: MixtureSettings) -> Tables:
    """The tables without these users (a mask), for cross-fitting; what all share stays."""
    # Without the request's own visits alone a popularity would mark the label: beside tables that
    # give away which item it is, one fewer than usual is the choice.
    design, summary = c.tables.design, c.mixture_counts.summary
    fold = EventCounts(c.sample.of_events(member[c.sample.user]), c.clock)
    others = c.counts.minus(StepCounts.of(fold, c.counts.edges, design))
    # At the size of all users, since popularity must not be lower in training than in service.
    share = max(float(others.visits.sum()), 1e-9) / max(float(c.counts.visits.sum()), 1e-9)
    mixture_counts = c.mixture_counts.minus(MixtureCounts.of(fold, settings, summary))
    return replace(
        c.tables,
        factors=factorise(others.steps, design),
        mixture=Mixture.of(mixture_counts, c.tables.index, settings),
        trend=build_trend(others.scale(1 / share)),
    )


def _row_scale(counts: Counts, power: float) -> Array:
    return np.asarray(np.maximum(np.asarray(counts.sum(axis=1)), 1.0) ** -power)


def _scaled(counts: Counts, scale: Array, design: Design) -> SparseRows:
    return SparseRows.of(sparse.csr_array(sparse.diags_array(scale) @ counts), design.row_keep)


def build_trend(counts: StepCounts) -> Trend:
    """Let the visits of each slice fade from slice to slice."""
    total, n = counts.visits.astype(np.float32), len(counts.visits)
    if not len(counts.edges):
        return Trend(total, np.zeros((0, 1, n), np.float32), np.zeros(0))
    recent = np.zeros((len(_HALVES), SLICES, n), np.float32)
    for k, half in enumerate(_HALVES):
        running = np.zeros(n)
        for place in range(SLICES):
            running = running * 0.5 ** (1.0 / half) + counts.by_time[place]
            recent[k, place] = running
    return Trend(total, recent, counts.edges)
