"""The decision: every rule's verdict, and what follows."""

from dataclasses import dataclass

from pawsonalize.evaluation.gate.evidence import Evidence
from pawsonalize.evaluation.gate.rules import REFERENCE_RULES, RULES, RuleOutcome, RuleVerdict
from pawsonalize.evaluation.gate.settings import GateSettings, Profile

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
        return f"Not promoted, the evidence is insufficient: {said}. What is live stays."
    rest = "The live version stays." if evidence.live else "Nothing is live yet."
    return f"Not promoted: {said}. {rest}"
