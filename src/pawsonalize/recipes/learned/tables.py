"""All counted tables of one training, built from one log and nothing else."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.kin import Kin, cell_steps
from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.factors import Factors, factorise
from pawsonalize.recipes.learned.likeness import Likeness
from pawsonalize.recipes.learned.log import Log
from pawsonalize.recipes.learned.neighbours import Postings, build_postings
from pawsonalize.recipes.learned.rows import Rows
from pawsonalize.recipes.learned.steps import count_steps, row_scale, serving_rows
from pawsonalize.recipes.learned.trend import Trend, build_trend
from pawsonalize.recipes.tables import Counts

Array = NDArray[Any]


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
    kin: Kin

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.index.ids)


@dataclass(frozen=True, slots=True)
class Counted:
    """Tables with what a training needs beside them: the log and the additive counts."""

    log: Log
    counts: Counts
    forward_scale: Array
    backward_scale: Array
    tables: Tables


def count(log: Log, index: ItemIndex, likeness: Likeness, design: Design) -> Counted:
    """Count the log and derive the tables."""
    counts = count_steps(log, design.window, design.gap_decay)
    return derive(log, counts, factorise(counts, design), index, likeness, design)


def derive(
    log: Log,
    counts: Counts,
    factors: Factors,
    index: ItemIndex,
    likeness: Likeness,
    design: Design,
) -> Counted:
    """Everything that is served, from the additive counts."""
    backward = sparse.csr_array(counts.T)
    scale, back_scale = row_scale(counts, design.row_power), row_scale(backward, design.row_power)
    tables = Tables(
        design=design,
        index=index,
        forward=serving_rows(counts, scale, design.row_keep),
        backward=serving_rows(backward, back_scale, design.row_keep),
        postings=build_postings(log, design.postings),
        trend=build_trend(log),
        likeness=likeness,
        factors=factors,
        kin=_kin(log, counts, index, design),
    )
    return Counted(log, counts, scale, back_scale, tables)


def without_fold(c: Counted, member: Array) -> tuple[Factors, Kin]:
    """Factors and kin of the counts without these users (a mask, shape (users,)): the cross-fit."""
    design = c.tables.design
    own = count_steps(c.log.of_users(member), design.window, design.gap_decay)
    counts = sparse.csr_array(c.counts - own)
    rest = c.log.of_users(~member)
    return factorise(counts, design), _kin(rest, counts, c.tables.index, design)


def _kin(log: Log, counts: Counts, index: ItemIndex, design: Design) -> Kin:
    both = sparse.csr_array(counts + design.backward * counts.T, dtype=np.float32)
    steps = cell_steps(
        both, index, width=design.kin_width, prior=design.kin_prior, fade=design.kin_level_fade
    )
    base = np.bincount(log.items, log.weights, minlength=log.n_items) + design.kin_smoothing
    return Kin.of(steps, base.astype(np.float32), index)
