"""What orders of animals made of markets: of one market, over its seeds, and over worlds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.markets.play import Copy
from pawsonalize.domain.times import DAY
from pawsonalize.evaluation.intervals import hardest_fifth, kaplan_meier, restricted_mean

LEAST, RIVAL, MOST = "newest", "content profile", "oracle"
"""The orders between which the way is measured, and the one to be better than."""

Figures = dict[str, float]
Row = dict[str, Any]
"""Words, numbers, and spans: a mean, the lowest and the highest."""

_HORIZON = 90.0
_RATIOS = ("way", "rmst90_to_oracle", "hardest_to_oracle")
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
        "mean_stay_of_adopted": float(days[adopted].mean()) if adopted.any() else float("nan"),
        "hardest_adopted": float(adopted[hardest_fifth(drawn.appeal)].mean()),
        "known_no_shown": float(copy.refused),
        "never_shown_share": float((copy.on_page == 0).mean()),
    }


def _mean_stay(days: _Column, adopted: NDArray[np.bool_]) -> float:
    """The mean of min(stay, 90 days); who is left where nobody was followed so far stays on."""
    curve = kaplan_meier(days, adopted)
    followed = min(_HORIZON, curve.followed)
    mean = restricted_mean(curve, followed)
    assert mean is not None
    return mean.mean + float(curve.share[-1]) * (_HORIZON - followed)


def over_seeds(played: Mapping[str, Sequence[Figures]]) -> list[Row]:
    """A row for each order: spans of its figures, and of their ratios to other orders'.

    Figures of one position in the sequences are of one seed. A ratio's mean is that of the sums
    over seeds.
    """
    return [
        {
            "order": order,
            **{name: _span([one[name] for one in told]) for name in told[0]},
            **_ratios(played, order),
        }
        for order, told in played.items()
    ]


def over_worlds(worlds: Sequence[Sequence[Row]]) -> list[Row]:
    """A row for each order: the mean of its ratios over worlds, the lowest and the highest.

    `way_together` is of the adoptions of all worlds together, each with as many seeds.
    `worlds_above_content` counts the worlds whose sum of adoptions is above the content profile's.
    """
    by_order: dict[str, list[Row]] = {}
    for row in (row for rows in worlds for row in rows):
        by_order.setdefault(row["order"], []).append(row)
    adoptions = {
        order: sum(row["adoptions"][0] for row in rows) for order, rows in by_order.items()
    }
    least = adoptions.get(LEAST, 0.0)
    whole = adoptions.get(MOST, 0.0) - least
    return [
        {
            "order": order,
            "worlds": len(rows),
            "way_together": _ratio(np.array([adoptions[order] - least]), np.array([whole]))[0],
            "hardest_adopted": _span([row["hardest_adopted"][0] for row in rows]),
            **{name: _span([row[name][0] for row in rows]) for name in _RATIOS},
            **_counted_above(rows),
        }
        for order, rows in by_order.items()
    ]


def _counted_above(rows: Sequence[Row]) -> Row:
    leads = [row["way_above_content"][0] for row in rows if "way_above_content" in row]
    return {"worlds_above_content": sum(lead > 0 for lead in leads)} if leads else {}


def _ratios(played: Mapping[str, Sequence[Figures]], order: str) -> Row:
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
