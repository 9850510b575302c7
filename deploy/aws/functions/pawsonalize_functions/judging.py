"""The rules by which a new solution version goes live, each with its number.

The functions are a package of their own without Pawsonalize in it, so they compare by themselves.
"""

from collections.abc import Mapping
from typing import Any

NDCG = "normalized_discounted_cumulative_gain_at_5"

Metrics = Mapping[str, float]
Rule = dict[str, Any]
"""`{"rule", "passed", "message"}` with the numbers beside; `passed` is None where nothing is
to judge."""


def judge(
    new: Metrics, live: Metrics | None, *, threshold: float, margin: float, why_no_live: str
) -> list[Rule]:
    """Every rule's verdict.

    NDCG@5 must be above the threshold, and not lower than the live version's by more than `margin`,
    a share of it. `why_no_live` says why there is no `live`.
    """
    value = new[NDCG]
    above = value > threshold
    return [
        {
            "rule": "threshold",
            "passed": above,
            "message": f"NDCG@5 {value:.4f} is {'' if above else 'not '}above the promotion"
            f" threshold {threshold:g}",
            "ndcg_at_5": value,
            "threshold": threshold,
        },
        _against_live(value, live, margin, why_no_live),
    ]


def unmeasured(why: str) -> list[Rule]:
    """The verdict on a version that has no metrics."""
    return [{"rule": "metrics", "passed": False, "message": f"there is nothing to judge by: {why}"}]


def passed(rules: list[Rule]) -> bool:
    """Whether no rule is broken."""
    return all(rule["passed"] is not False for rule in rules)


def _against_live(value: float, live: Metrics | None, margin: float, why_no_live: str) -> Rule:
    rule = {"rule": "live version"}
    if live is None:
        return {**rule, "passed": None, "message": why_no_live}
    other = live[NDCG]
    allowed = other * (1 - margin)
    kept = value >= allowed
    message = (
        f"NDCG@5 {value:.4f} is {'not ' if kept else ''}worse than the live version's {other:.4f}"
        f" (at least {allowed:.4f} is needed)"
    )
    return {**rule, "passed": kept, "message": message, "ndcg_at_5": value, "live_ndcg_at_5": other}
