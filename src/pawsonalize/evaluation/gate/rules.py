"""The rules of the gate, in order: each reads the evidence and says its numbers in plain words."""

from collections.abc import Callable

from pawsonalize.evaluation.gate.comparisons import (
    better_than_live,
    better_than_popularity,
    no_worse_slice,
)
from pawsonalize.evaluation.gate.evidence import Evidence
from pawsonalize.evaluation.gate.settings import GateSettings
from pawsonalize.evaluation.gate.verdicts import Outcome, Verdict, not_applicable, verdict

Rule = Callable[[Evidence, GateSettings, int], Verdict]
"""Gets the evidence, the settings and the moment of deciding."""


def enough_test_cases(evidence: Evidence, settings: GateSettings, _now: int) -> Verdict:
    """With few test cases every number is chance."""
    have, need = evidence.test_cases, settings.min_test_cases
    message = f"{have} test cases, at least {need} are needed"
    if have < max(need, 1):
        numbers = {"test_cases": have, "needed": need}
        return Verdict("test cases", Outcome.INSUFFICIENT, message, numbers)
    return verdict("test cases", True, message, test_cases=have, needed=need)


def above_threshold(evidence: Evidence, settings: GateSettings, _now: int) -> Verdict:
    """The absolute threshold."""
    value, threshold = evidence.ndcg_at_5.mean, settings.promotion_threshold
    passed = value > threshold
    message = f"NDCG@5 {value:.4f} is {'above' if passed else 'not above'} {threshold:g}"
    return verdict("threshold", passed, message, ndcg_at_5=value, threshold=threshold)


def enough_coverage(evidence: Evidence, settings: GateSettings, _now: int) -> Verdict:
    """A recommender that shows a handful of items to everybody has collapsed."""
    rule = "coverage"
    if evidence.spread is None:
        return not_applicable(rule, f"{evidence.recipe} does not choose items for a visitor")
    shown, possible = evidence.spread.shown, evidence.spread.possible
    share = shown / max(possible, 1)
    message = (
        f"{shown} of {possible} possible items are recommended to somebody ({share:.1%}), at least"
        f" {settings.min_coverage:.0%} must be"
    )
    return verdict(rule, share >= settings.min_coverage, message, shown=shown, possible=possible)


def no_dominating_item(evidence: Evidence, settings: GateSettings, _now: int) -> Verdict:
    """Nor may one item be in nearly everybody's first places."""
    rule = "top item"
    if evidence.spread is None:
        return not_applicable(rule, f"{evidence.recipe} does not choose items for a visitor")
    share, most = evidence.spread.top_share, settings.max_top_item_share
    message = (
        f"{evidence.spread.top_item} is among the first five of {share:.0%} of the test cases, at"
        f" most {most:.0%} are allowed"
    )
    return verdict(rule, share <= most, message, share=share, allowed=most)


def sound_scores(evidence: Evidence, settings: GateSettings, _now: int) -> Verdict:
    """Every score is a number, and scores tell items apart."""
    bad, constant, asked = evidence.not_finite, evidence.constant, evidence.test_cases
    passed = bad == 0 and constant <= settings.max_constant_share * asked
    message = (
        f"of {asked} answers {bad} have a score that is no finite number, and {constant} one score"
        " for all items"
    )
    return verdict("scores", passed, message, not_finite=bad, constant=constant, answers=asked)


REFERENCE_RULES: tuple[Rule, ...] = (above_threshold,)
RULES: tuple[Rule, ...] = (
    enough_test_cases,
    sound_scores,
    above_threshold,
    better_than_popularity,
    better_than_live,
    no_worse_slice,
    enough_coverage,
    no_dominating_item,
)
