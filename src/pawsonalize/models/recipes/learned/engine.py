"""Fit, ask, explain and store: the only module of the package that a recipe needs."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes import artefact
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import EventCounts
from pawsonalize.models.recipes.data import Array, Arrays, TrainingData
from pawsonalize.models.recipes.ease import SignedRows
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.features import Wanted, describe, feature_names, propose
from pawsonalize.models.recipes.learned.ranker import Linear, Ranker, Trees, fit_ranker
from pawsonalize.models.recipes.learned.samples import draw
from pawsonalize.models.recipes.learned.signals import Request, Signals, of_context, signals
from pawsonalize.models.recipes.learned.similarity import Likeness, build_likeness, likeness_of
from pawsonalize.models.recipes.learned.tables import (
    Factors,
    StepCounts,
    Tables,
    Trend,
    count,
    derive,
    fit_ease,
    slice_edges,
)
from pawsonalize.models.recipes.mixture import Mixture, MixtureCounts
from pawsonalize.models.recipes.mixture_settings import MixtureSettings

_PRE = "learned."
_NUMBERS = ("weight", "heat", "recall")
_FORMS = re.compile("_(scaled|rank|lift|log|gap|count)$")
_ATTRIBUTES = ("species", "breed", "size", "age")
_CONSTANT = ("history", "idle", "slow_top", "factor_top", "newest_popularity")


def _ranker(arrays: Arrays, numbers: Mapping[str, Any], usual: tuple[str, ...]) -> Ranker:
    columns = artefact.take(arrays, f"{_PRE}linear.columns", np.int64, (None,))
    rows = artefact.take(arrays, f"{_PRE}linear.numbers", np.float64, (3, len(columns)))
    artefact.finite(f"{_PRE}linear.numbers", rows, {})
    text = artefact.take(arrays, f"{_PRE}trees", np.uint8, (None,)).tobytes()
    try:
        values = [float(numbers[name]) for name in _NUMBERS]
        held_out = tuple(float(value) for value in numbers["held_out"])
        names = tuple(str(name) for name in numbers.get("features", usual))  # older ones
        trees = Trees.of_text(text.decode()) if text else None
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtefact(f"the ranker of the artefact does not fit: {error}") from error
    if not all(map(math.isfinite, values)) or (trees and trees.booster.num_feature() != len(names)):
        raise CorruptArtefact("the ranker of the artefact does not fit its tables")
    artefact.check_codes(f"{_PRE}linear.columns", columns, len(names))
    linear, (weight, heat, recall) = Linear(columns, *rows), values
    return Ranker(names, linear, trees, weight, heat, recall, held_out)


_PARTS = {
    "newest": "transitions",
    "fast": "transitions",
    "slow": "transitions",
    "backward": "transitions",
    "flat": "neighbours",
    "near": "neighbours",
    "factor": "factors",
    "mix_own": "own history",
    "mix_transitions": "transitions",
    "mix_covisits": "co-visits",
    "mix_related": "related items",
    "mix_popularity": "popularity",
    "mixture": "blend",
    "ease": "co-visits",
    "blend": "blend",
    "like": "related items",
    "related": "related items",
    "affinity": "related items",
    "popularity": "popularity",
    "rate": "popularity",
    "trend": "trend",
    "seen": "own history",
    "availability": "availability",
    "facet": "context",
}


class Candidates(NamedTuple):
    """N candidates of one context: catalogue positions, and features `x` (N, F)."""

    items: Array
    utilities: Array
    """The log of each chance up to a constant, -inf where masked, shape (N,) float64."""
    x: Array
    signals: Signals
    extra: Mapping[str, Array]


class Learned(artefact.Stored, frozen=True):
    """Tables, and the ranker over their candidates."""

    tables: Tables
    ranker: Ranker
    # Places of the ranker's features among the tables', -1 if gone; None if all are the same.
    columns: Array | None
    wanted: Wanted

    @classmethod
    def of(cls, tables: Tables, ranker: Ranker) -> "Learned":
        """The ranker above these tables."""
        # They may know other features than its training did.
        names, wanted = feature_names(tables), Wanted.among(ranker.read)
        if names == ranker.names:
            return cls(tables, ranker, None, wanted)
        place = {name: column for column, name in enumerate(names)}
        columns = np.array([place.get(name, -1) for name in ranker.names])
        return cls(tables, ranker, columns, wanted)

    @classmethod
    def fit(
        cls,
        log: EventCounts,
        sample: TrainingData,
        counts: MixtureCounts,
        mixture: Mixture,
        settings: MixtureSettings,
        design: Design,
    ) -> "Learned | None":
        """Count the log and learn from the sample; None if that adds nothing to the mixture."""
        drawn = EventCounts(sample, log.summary.clock)
        visits = drawn.visit_log(design.weights)
        if len(visits.items) - visits.n_users < design.min_requests:
            return None
        counted = count(log, drawn, counts, mixture, design)
        samples = draw(counted, settings)
        if samples is None:
            return None
        tables = counted.tables
        if samples.with_ease:
            every = np.ones(len(counted.log.items), np.bool_)
            tables = replace(tables, ease=fit_ease(counted.log, every, design))
        ranker = fit_ranker(samples.train, samples.held, feature_names(tables), design)
        return None if ranker is None else cls.of(tables, ranker)

    def refreshed(self, log: EventCounts, sample: TrainingData, mixture: Mixture) -> "Learned":
        """Ranker and factors above newly counted tables; new features wait for a training."""
        before, summary = self.tables, log.summary
        visits = EventCounts(sample, summary.clock).visit_log(before.design.weights)
        counts = StepCounts.of(log, slice_edges(summary), before.design)
        factors = before.factors.of_rows(before.index.rows(mixture.index.ids))
        likeness = likeness_of(*build_likeness(summary.data.attributes))
        ease = before.ease and before.ease.of_rows(before.index.rows(mixture.index.ids))
        _, tables = derive(visits, counts, factors, mixture, likeness, before.design, ease)
        return Learned.of(tables, self.ranker)

    def ask(self, context: Context, outside: Sequence[str]) -> Candidates | None:
        """The candidates of a context; None when it holds no item of the catalogue."""
        t = self.tables
        r = of_context(context, t.index, t.mixture.facet_rows(context), t.design)
        if not (r.context >= 0).any():
            return None
        proposed = propose(t, signals(t, r, outside=outside))
        top = proposed.top
        extra = self._extra(r, top)
        x = describe(t, r, proposed, self.wanted).T
        if self.columns is not None:  # without features that are new, and 0 for those that are gone
            x = np.where(self.columns >= 0, x[:, self.columns], np.float32(0))
        utilities = sum(extra.values(), start=self.ranker.utilities(x))
        utilities[~proposed.there] = -np.inf
        return Candidates(top, utilities, x, proposed.found, extra)

    def _extra(self, r: Request, top: Array) -> dict[str, Array]:
        """Return what no training request may see: quiz answers, and animals that came back."""
        mixture, extra = self.tables.mixture, {}
        wish = mixture.facets.wishes(r.facets) if len(r.facets) else None
        if wish is not None:
            believed = mixture.facet_trust(float(r.worth.sum()))
            logs = wish.of_catalogue(mixture.index)[top]
            extra["preferences"] = believed * logs.astype(np.float64)
        if mixture.return_rate is not None:
            extra["returns"] = np.log(mixture.return_rate.lasting[top].astype(np.float64))
        return extra

    def explain(self, found: Candidates, places: Array) -> dict[str, Array]:
        """Return the parts of the utilities of the candidates at `places`; they add up to them."""
        if not len(places):
            return {}
        parts = self.ranker.contributions(found.x[places])
        totals: dict[str, Array] = {}
        for name, column in zip([*self.ranker.names, "base"], parts.T, strict=True):
            part = part_of(name)
            totals[part] = totals.get(part, np.zeros(len(places))) + column
        return {**totals, **{name: values[places] for name, values in found.extra.items()}}

    def arrays(self) -> dict[str, Array]:
        """Everything `load` needs beside the numbers."""
        linear, trees = self.ranker.linear, self.ranker.trees
        return {
            **self.tables.arrays(),
            "linear.columns": linear.columns,
            "linear.numbers": np.stack([linear.mean, linear.spread, linear.weights]),
            "trees": np.frombuffer(b"" if trees is None else trees.text.encode(), np.uint8),
        }

    def numbers(self) -> dict[str, object]:
        """Figures for the card."""
        r = self.ranker
        numbers = {name: getattr(r, name) for name in _NUMBERS}
        trees = int(r.trees.booster.num_trees()) if r.trees else 0
        return {**numbers, "held_out": list(r.held_out), "trees": trees, "features": list(r.names)}

    @classmethod
    def load(
        cls, arrays: Arrays, numbers: Mapping[str, object], mixture: Mixture, design: Design
    ) -> "Learned":
        """Rebuild; CorruptArtefact when arrays and numbers do not fit together."""
        if f"{_PRE}target" in arrays:  # older ones hold targets factor by factor
            arrays = {**arrays, f"{_PRE}targets": arrays[f"{_PRE}target"].T}
        n = len(mixture.index.ids)
        own = arrays, {"items": n, "items+1": n + 1}, _PRE
        rows, has_ease = {"rows": n, "rows+2": n + 2}, f"{_PRE}ease.starts" in arrays
        trend, likeness, factors = Trend.read(*own), Likeness.read(*own), Factors.read(*own)
        recent = trend["recent"]
        tables = Tables.from_arrays(
            *own,
            design=design,
            trend=Trend(trend["total"], recent[:, np.newaxis], np.zeros(len(recent[:1]))),
            likeness=likeness_of(**likeness),
            factors=Factors.of(**factors),
            ease=SignedRows.from_arrays(arrays, rows, f"{_PRE}ease.") if has_ease else None,
            mixture=mixture,
        )
        p = tables.postings
        artefact.check_codes(f"{_PRE}postings.users", p.users, p.n_users)
        if not (p.positions < np.diff(p.offsets)[p.users]).all():
            raise CorruptArtefact(f"array '{_PRE}postings.positions' points outside the log")
        return cls.of(tables, _ranker(arrays, numbers, feature_names(tables)))


def part_of(feature: str) -> str:
    """The part of a score that a feature belongs to: a table, an attribute, or `base`."""
    if feature in _CONSTANT or feature == "base":
        return "base"
    name = _FORMS.sub("", feature)
    first, _, rest = name.partition("_")
    attribute = rest.partition("_")[2]
    if first in ("like", "affinity") and attribute in _ATTRIBUTES:
        return attribute
    return _PARTS.get(name) or _PARTS[first]
