"""What orders of animals made of markets: of one market, over its seeds, and over worlds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.markets.play import WEEK, Copy
from pawsonalize.core.times import DAY
from pawsonalize.models.evaluation.intervals import hardest_fifth, kaplan_meier, restricted_mean

LEAST, RIVAL, MOST = "newest", "content profile", "oracle"
"""The orders between which the way is measured, and the one to be better than."""
OURS = "ours"
"""Ours where nobody answers boards or is alerted; its other orders begin with it and a comma."""

Figures = dict[str, float]
Played = Mapping[str, Sequence[Figures]]
"""One world: figures by order, those of one position of one seed."""
Row = dict[str, Any]
"""Words, numbers, and spans: a mean, the lowest and the highest."""

_HORIZON = 90.0
_SEEN = 10  # pages: who was on fewer is hardly seen
_RATIOS = ("way", "rmst90_to_oracle", "hardest_to_oracle")
_DRAWS = 2_000
_Column = NDArray[np.float64]


def figures(copy: Copy) -> Figures:
    """Of all animals that waited at the start or came later; stays begin at the start."""
    drawn = copy.drawn
    adopted = copy.gone < drawn.end
    days = (np.minimum(copy.gone, drawn.end) - np.maximum(drawn.listed, drawn.start)) / DAY
    return {
        "adoptions": float(adopted.sum()),
        "adoptions_per_1000_sessions": 1_000 * float(adopted.sum()) / max(copy.sessions, 1),
        "expected_adoptions": copy.expected,
        "adopted_share": float(adopted.mean()),
        "rmst90": _mean_stay(days, adopted),
        "newcomers_unseen": _unseen(copy),
        "mean_stay_of_adopted": float(days[adopted].mean()) if adopted.any() else float("nan"),
        "hardest_adopted": float(adopted[hardest_fifth(drawn.appeal)].mean()),
        "known_no_shown": float(copy.refused),
        "never_shown_share": float((copy.on_page == 0).mean()),
    }


def _unseen(copy: Copy) -> float:
    """The share of newcomers who were on fewer than ten pages in their first week."""
    drawn = copy.drawn
    week = drawn.listed + WEEK
    stayed = (drawn.listed >= drawn.start) & (week <= drawn.end) & (copy.gone > week)
    return float((copy.early[stayed] < _SEEN).mean()) if stayed.any() else 0.0


def _mean_stay(days: _Column, adopted: NDArray[np.bool_]) -> float:
    """The mean of min(stay, 90 days); who is left where nobody was followed so far stays on."""
    curve = kaplan_meier(days, adopted)
    followed = min(_HORIZON, curve.followed)
    mean = restricted_mean(curve, followed)
    assert mean is not None
    return mean.mean + float(curve.share[-1]) * (_HORIZON - followed)


def over_seeds(played: Played) -> list[Row]:
    """A row for each order: spans of its figures, and of their ratios to other orders'.

    A ratio's mean is that of the sums over seeds.
    """
    return [
        {
            "order": order,
            **{name: _span([one[name] for one in told]) for name in told[0]},
            **_ratios(played, order),
            **_gains([played], order),
        }
        for order, told in played.items()
    ]


def over_worlds(worlds: Sequence[Played]) -> list[Row]:
    """A row for each order: the mean of its ratios over worlds, the lowest and the highest.

    `way_together` is of the adoptions of all worlds together. `worlds_above_content` counts the
    worlds whose sum of adoptions is above the content profile's.
    """
    by_order: dict[str, list[Row]] = {}
    for row in (row for played in worlds for row in over_seeds(played)):
        by_order.setdefault(row["order"], []).append(row)
    return [
        {
            "order": order,
            "worlds": len(rows),
            "way_together": round(float(_ways(worlds, order)[0]), 4),
            "hardest_adopted": _span([row["hardest_adopted"][0] for row in rows]),
            **{name: _span([row[name][0] for row in rows]) for name in _RATIOS},
            **_counted_above(rows),
            **_gains(worlds, order),
        }
        for order, rows in by_order.items()
    ]


def _gains(worlds: Sequence[Played], order: str) -> Row:
    """What asking and telling add to ours: means with 90% intervals (percentile bootstrap)."""
    if not order.startswith(f"{OURS},") or OURS not in worlds[0]:
        return {}
    runs = sum(len(played[order]) for played in worlds)
    hardest = [_sums(worlds, one, "hardest_adopted") / runs for one in (order, OURS)]
    return {
        "way_gained": _interval(_ways(worlds, order) - _ways(worlds, OURS)),
        "hardest_gained": _interval(hardest[0] - hardest[1]),
    }


def _interval(drawn: _Column) -> list[float]:
    return [round(float(one), 4) for one in (drawn[0], *np.nanpercentile(drawn, (5, 95)))]


def _ways(worlds: Sequence[Played], order: str) -> _Column:
    mine, least, most = (_sums(worlds, one, "adoptions") for one in (order, LEAST, MOST))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((mine - least) / (most - least))


def _sums(worlds: Sequence[Played], order: str, figure: str) -> _Column:
    """Sums over all runs: as played, then with seeds drawn anew in each world."""
    dice = np.random.default_rng(0)  # the same seeds for every order and figure
    total = np.zeros(1 + _DRAWS)
    for played in worlds:
        values = np.array([one[figure] for one in played[order]])
        drawn = dice.integers(0, len(values), (_DRAWS, len(values)))
        total += values[np.vstack([np.arange(len(values)), drawn])].sum(axis=1)
    return total


def _counted_above(rows: Sequence[Row]) -> Row:
    leads = [row["way_above_content"][0] for row in rows if "way_above_content" in row]
    return {"worlds_above_content": sum(lead > 0 for lead in leads)} if leads else {}


def _ratios(played: Played, order: str) -> Row:
    def column(of: str, figure: str) -> _Column:
        return np.array([one[figure] for one in played[of]])

    newest = column(LEAST, "adoptions")
    whole = column(MOST, "adoptions") - newest
    pairs = {
        "way": (column(order, "adoptions") - newest, whole),
        "rmst90_to_oracle": (column(order, "rmst90"), column(MOST, "rmst90")),
        "hardest_to_oracle": (column(order, "hardest_adopted"), column(MOST, "hardest_adopted")),
    }
    found: Row = {name: _ratio(*pair) for name, pair in pairs.items()}
    if order != RIVAL:
        lead = column(order, "adoptions") - column(RIVAL, "adoptions")
        found["way_above_content"] = _ratio(lead, whole)
        found["seeds_above_content"] = int((lead > 0).sum())
    return found


def _ratio(mine: _Column, other: _Column) -> list[float]:
    """Of the sums; then the lowest and the highest of a single seed. NaN where it says nothing."""
    known = np.isfinite(mine) & np.isfinite(other) & (other != 0)
    a, b = mine[known], other[known]
    if not b.sum():
        return [float("nan")] * 3
    each = a / b
    return [round(float(value), 4) for value in (a.sum() / b.sum(), each.min(), each.max())]


def _span(values: Sequence[float]) -> list[float]:
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return [float("nan")] * 3
    return [round(value, 4) for value in (float(np.mean(known)), min(known), max(known))]
