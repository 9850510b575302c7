"""The rules of the gate, and what they decide together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pawsonalize.domain.times import DAY
from pawsonalize.evaluation.bootstrap import Difference
from pawsonalize.evaluation.gate.evidence import Comparison, Evidence, SliceEvidence
from pawsonalize.evaluation.gate.settings import GateSettings, Profile


class RuleOutcome(StrEnum):
    """A rule is kept, broken, cannot be judged for lack of data, or has nothing to judge."""

    PASSED = "passed"
    FAILED = "failed"
    INSUFFICIENT = "insufficient evidence"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule's outcome, the numbers it rests on, and both in a plain sentence."""

    rule: str
    outcome: RuleOutcome
    message: str
    numbers: Mapping[str, float]


def verdict(rule: str, passed: bool, message: str, **numbers: float) -> RuleVerdict:
    """The verdict of a rule that could be judged."""
    return RuleVerdict(rule, RuleOutcome.PASSED if passed else RuleOutcome.FAILED, message, numbers)


def not_applicable(rule: str, message: str) -> RuleVerdict:
    """The verdict of a rule that has nothing to judge here."""
    return RuleVerdict(rule, RuleOutcome.NOT_APPLICABLE, message, {})


def better_than_popularity(evidence: Evidence, settings: GateSettings, _now: int) -> RuleVerdict:
    """What is the same for everybody must be beaten beyond chance."""
    rule = "popularity"
    if not settings.beat_popularity:
        return not_applicable(rule, "it was not asked to beat popularity")
    if evidence.popularity is None:
        return not_applicable(rule, f"{evidence.recipe} gives everybody the same")
    compared = evidence.popularity
    passed = compared.is_better
    message = f"{_standing(compared)} popularity ({_led(compared.lead)})"
    return verdict(rule, passed, message, **_numbers(compared))


def better_than_live(evidence: Evidence, settings: GateSettings, now: int) -> RuleVerdict:
    """Better than the live version, or about as good and fresher than an old one."""
    rule = "live version"
    if not settings.beat_live:
        return not_applicable(rule, "it was not asked to beat the live version")
    if evidence.live is None:
        return not_applicable(rule, "nothing was live before")
    compared, age = evidence.live.comparison, (now - evidence.live.as_of) / DAY
    relative = compared.relative
    better = compared.is_better and relative >= settings.min_lead
    old, as_good = age > settings.refresh_days, relative >= -settings.refresh_margin
    name = f"the live version {evidence.live.solution_version}"
    led = f"{_led(compared.lead)}, {relative:+.1%}"
    dated = f"whose data were {age:.1f} days old"
    if better:
        message = f"better than {name} ({led})"
    elif old and as_good:
        message = f"a refresh, about as good as {name} ({led}), {dated}"
    elif compared.is_better:
        message = f"better than {name} by less than {settings.min_lead:.0%} ({led}), {dated}"
    else:
        message = f"{_standing(compared)} {name} ({led}), {dated}"
    passed = better or (old and as_good)
    return verdict(rule, passed, message, **_numbers(compared), relative=relative, age_days=age)


def no_worse_slice(evidence: Evidence, settings: GateSettings, _now: int) -> RuleVerdict:
    """A mean that rises must not hide visitors or animals that lose."""
    rule, other = "slices", "popularity" if evidence.live is None else "the live version"
    looked_at = [
        part for part in evidence.slices if 0 < settings.min_slice_test_cases <= part.test_cases
    ]
    if not looked_at:
        return not_applicable(rule, "no slice has test cases enough")
    worse = [part for part in looked_at if _is_worse(part, settings.slice_margin)]
    numbers = {f"{part.kind} {part.value}": part.comparison.relative for part in looked_at}
    if worse:
        listed = "; ".join(
            f"{part.kind} {part.value} ({_led(part.comparison.lead)})" for part in worse
        )
        return verdict(rule, False, f"worse than {other} for {listed}", **numbers)
    message = (
        f"in none of {len(looked_at)} slices worse than {other} by more than"
        f" {settings.slice_margin:.0%}"
    )
    return verdict(rule, True, message, **numbers)


def _is_worse(part: SliceEvidence, margin: float) -> bool:
    return part.comparison.lead.high < 0 and part.comparison.relative < -margin


def _standing(compared: Comparison) -> str:
    if compared.is_better:
        return "better than"
    if compared.lead.high < 0:
        return "worse than"
    return (
        "not surely better than" if compared.lead.low < compared.lead.high else "no different from"
    )


def _led(lead: Difference) -> str:
    return f"{lead.mean:+.4f} NDCG@5, {lead.low:+.4f} to {lead.high:+.4f}"


def _numbers(compared: Comparison) -> dict[str, float]:
    lead = compared.lead
    return {"theirs": compared.theirs, "lead": lead.mean, "low": lead.low, "high": lead.high}


Rule = Callable[[Evidence, GateSettings, int], RuleVerdict]
"""Gets the evidence, the settings and the moment of deciding."""


def enough_test_cases(evidence: Evidence, settings: GateSettings, _now: int) -> RuleVerdict:
    """With few test cases every number is chance."""
    have, need = evidence.test_cases, settings.min_test_cases
    message = f"{have} test cases, at least {need} are needed"
    if have < max(need, 1):
        numbers = {"test_cases": have, "needed": need}
        return RuleVerdict("test cases", RuleOutcome.INSUFFICIENT, message, numbers)
    return verdict("test cases", True, message, test_cases=have, needed=need)


def above_threshold(evidence: Evidence, settings: GateSettings, _now: int) -> RuleVerdict:
    """The absolute threshold."""
    value, threshold = evidence.ndcg_at_5.mean, settings.promotion_threshold
    passed = value > threshold
    message = f"NDCG@5 {value:.4f} is {'above' if passed else 'not above'} {threshold:g}"
    return verdict("threshold", passed, message, ndcg_at_5=value, threshold=threshold)


def enough_coverage(evidence: Evidence, settings: GateSettings, _now: int) -> RuleVerdict:
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


def no_dominating_item(evidence: Evidence, settings: GateSettings, _now: int) -> RuleVerdict:
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


def sound_scores(evidence: Evidence, settings: GateSettings, _now: int) -> RuleVerdict:
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


_MAIN_RULES = ("threshold", "popularity", "live version")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the new version goes live, why in a sentence or two, and every rule's verdict.

    If it does not, `outcome` says whether a rule was broken or the evidence is insufficient; the
    live version stays either way. JSON by msgspec as it is.
    """

    promoted: bool
    outcome: RuleOutcome
    reason: str
    verdicts: tuple[RuleVerdict, ...]


def decide(evidence: Evidence, settings: GateSettings, now: int) -> Decision:
    """Apply the rules at the moment `now` (milliseconds since 1970)."""
    rules = REFERENCE_RULES if settings.profile is Profile.REFERENCE else RULES
    verdicts = tuple(rule(evidence, settings, now) for rule in rules)
    outcome = _outcome(verdicts)
    return Decision(
        outcome is RuleOutcome.PASSED, outcome, _reason(outcome, verdicts, evidence), verdicts
    )


def _outcome(verdicts: tuple[RuleVerdict, ...]) -> RuleOutcome:
    found = {verdict.outcome for verdict in verdicts}
    for outcome in (RuleOutcome.INSUFFICIENT, RuleOutcome.FAILED):
        if outcome in found:
            return outcome
    return RuleOutcome.PASSED


def _reason(outcome: RuleOutcome, verdicts: tuple[RuleVerdict, ...], evidence: Evidence) -> str:
    if outcome is RuleOutcome.PASSED:
        said = "; ".join(one.message for one in verdicts if one.rule in _MAIN_RULES)
        return f"Promoted: {said}."
    said = "; ".join(one.message for one in verdicts if one.outcome is outcome)
    if outcome is RuleOutcome.INSUFFICIENT:
        return f"Not promoted, the evidence is insufficient: {said}. What was live stayed."
    rest = "The live version stayed." if evidence.live else "Nothing was live yet."
    return f"Not promoted: {said}. {rest}"
