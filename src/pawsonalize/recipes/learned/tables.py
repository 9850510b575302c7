"""All counted tables of one training, built from one log and nothing else."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.contract import TrainingData
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.factors import Factors, factorise
from pawsonalize.recipes.learned.likeness import Likeness
from pawsonalize.recipes.learned.log import Log
from pawsonalize.recipes.learned.neighbours import Postings, build_postings
from pawsonalize.recipes.learned.rows import Rows
from pawsonalize.recipes.learned.steps import count_steps, row_scale, serving_rows
from pawsonalize.recipes.learned.trend import Trend, build_trend
from pawsonalize.recipes.mixture import Mixture
from pawsonalize.recipes.mixture_settings import MixtureSettings
from pawsonalize.recipes.stock import StockHistory
from pawsonalize.recipes.supply import Supply
from pawsonalize.recipes.tables import Counts

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Usual:
    """What is chosen usually. `rate` (cells + 1,): log of choices per available animal.

    `share` (values,) are the shares of choices by value of each matched attribute.
    """

    rate: Array
    share: Array

    @classmethod
    def of(cls, total: Array, index: ItemIndex, supply: Supply, likeness: Likeness) -> "Usual":
        """Count the choices `total` (items,)."""
        size = index.n_cells + 1
        chosen, there = np.zeros(size), np.zeros(size)
        for cells in index.cells[:, :-1]:
            chosen += np.bincount(cells, total, size)
            there += np.bincount(cells, supply.usual, size)
        share = [np.zeros(0)]
        for values, nothing in zip(likeness.values[:-1].T, likeness.nothing.tolist(), strict=True):
            weight = np.bincount(values - nothing, total) + 1.0
            share.append(weight / weight.sum())
        rate = np.log((chosen + 1.0) / (there + supply.smoothing))
        return cls(rate, np.concatenate(share))


@dataclass(frozen=True, slots=True)
class Tables:
    """What answers a request; everything an artefact holds of the counts."""

    design: Design
    index: ItemIndex
    forward: Rows
    backward: Rows
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

    data: TrainingData
    log: Log
    counts: Counts
    forward_scale: Array
    backward_scale: Array
    tables: Tables
    stock: StockHistory | None
    facets: Array


def count(
    data: TrainingData, log: Log, mixture: Mixture, likeness: Likeness, design: Design
) -> Counted:
    """Count the log and derive the tables."""
    counts = count_steps(log, design.window, design.gap_decay)
    scales, tables = derive(log, counts, factorise(counts, design), mixture, likeness, design)
    stock = StockHistory.of(data.stock, log.n_items) if len(data.stock) else None
    facets = mixture.facets.rows_of(replace(data.facets, codes=log.facets))
    return Counted(data, log, counts, *scales, tables, stock, facets)


def derive(
    log: Log,
    counts: Counts,
    factors: Factors,
    mixture: Mixture,
    likeness: Likeness,
    design: Design,
) -> tuple[tuple[Array, Array], Tables]:
    """Everything that is served, from the additive counts; first the scales of the rows."""
    backward = sparse.csr_array(counts.T)
    scale, back_scale = row_scale(counts, design.row_power), row_scale(backward, design.row_power)
    trend = build_trend(log, log)
    tables = Tables(
        design=design,
        index=mixture.index,
        forward=serving_rows(counts, scale, design.row_keep),
        backward=serving_rows(backward, back_scale, design.row_keep),
        postings=build_postings(log, design.postings),
        trend=trend,
        likeness=likeness,
        factors=factors,
        mixture=mixture,
        usual=Usual.of(trend.total, mixture.index, mixture.supply, likeness),
    )
    return (scale, back_scale), tables


def without_fold(c: Counted, member: Array, settings: MixtureSettings) -> Tables:
    """The tables with factors, mixture and trend without these users (a mask): the cross-fit.

    Taking only the request's own visits out of a popularity would mark the label: beside tables
    that give away which item it is, one fewer than usual is the choice.
    """
    design = c.tables.design
    own = count_steps(c.log.of_users(member), design.window, design.gap_decay)
    counts = sparse.csr_array(c.counts - own)
    rest = ~member[c.data.user]
    data = replace(
        c.data,
        user=c.data.user[rest],
        item=c.data.item[rest],
        event_type=c.data.event_type[rest],
        value=c.data.value[rest],
        time=c.data.time[rest],
        facets=c.data.facets.of(rest),
    )
    others = c.log.of_users(~member)
    share = max(float(others.weights.sum()), 1e-9) / max(float(c.log.weights.sum()), 1e-9)
    others = replace(others, weights=others.weights / share, worth=others.worth / share)
    mixture, trend = Mixture.fit(data, c.tables.index, settings), build_trend(others, c.log)
    return replace(
        c.tables,
        factors=factorise(counts, design),
        mixture=mixture,
        trend=trend,
        usual=Usual.of(trend.total, c.tables.index, mixture.supply, c.tables.likeness),
    )
