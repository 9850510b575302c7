"""Evidence for tests of the gate: of a version that passes every rule."""

from msgspec.structs import replace

from pawsonalize.models.evaluation.gate import (
    Comparison,
    Evidence,
    LiveEvidence,
    SliceEvidence,
    Spread,
)
from pawsonalize.models.evaluation.intervals import Difference, Interval
from pawsonalize.testing.recipe_checks import NOW

DAY = 86_400_000


def compared(mean: float, *, spread: float = 0.01, theirs: float = 0.2) -> Comparison:
    """A lead with bounds `spread` below and above."""
    better = 0.5 if spread == mean == 0 else float(mean > 0)
    lead = Difference(mean, mean - spread, mean + spread, better)
    return Comparison(theirs, lead, chance=0.001 if lead.low > 0 else 0.5)


def live(comparison: Comparison, age_days: float = 1.0) -> LiveEvidence:
    return LiveEvidence("rec-1", NOW - round(age_days * DAY), comparison)


def part(comparison: Comparison, test_cases: int = 100, value: str = "2") -> SliceEvidence:
    ours = comparison.theirs + comparison.lead.mean
    loss = 0.001 if comparison.lead.high < 0 else 0.5
    return SliceEvidence("species", value, test_cases, ours, comparison, loss)


def evidence(**changes: object) -> Evidence:
    """Good evidence, but for the changes."""
    good = Evidence(
        recipe="user-personalization",
        seed=0,
        moment=NOW,
        test_cases=500,
        candidates=300,
        ndcg_at_5=Interval(0.25, 0.22, 0.28),
        baselines={"popularity": compared(0.15, theirs=0.1)},
        live=live(compared(0.05)),
        spread=Spread(shown=200, possible=300, top_item="2-Beagle-2-3", top_share=0.4),
        slices=(part(compared(0.03)),),
        not_finite=0,
        constant=0,
        off=(),
    )
    return replace(good, **changes)  # any of the fields
