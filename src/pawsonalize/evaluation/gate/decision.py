"""The decision: every rule's verdict, and what follows."""

from dataclasses import dataclass

from pawsonalize.evaluation.gate.evidence import Evidence
from pawsonalize.evaluation.gate.rules import REFERENCE_RULES, RULES
from pawsonalize.evaluation.gate.settings import GateSettings, Profile
from pawsonalize.evaluation.gate.verdicts import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the new version goes live, why in a sentence or two, and every rule's verdict.

    If it does not, `outcome` says whether a rule was broken or the evidence is insufficient; the
    live version stays either way. JSON by msgspec as it is.
    """

    promoted: bool
    outcome: Outcome
    reason: str
    verdicts: tuple[Verdict, ...]


def decide(evidence: Evidence, settings: GateSettings, now: int) -> Decision:
    """Apply the rules at the moment `now` (milliseconds since 1970)."""
    rules = REFERENCE_RULES if settings.profile is Profile.REFERENCE else RULES
    verdicts = tuple(rule(evidence, settings, now) for rule in rules)
    outcome = _outcome(verdicts)
    return Decision(outcome is Outcome.PASSED, outcome, _reason(outcome, verdicts), verdicts)


def _outcome(verdicts: tuple[Verdict, ...]) -> Outcome:
    found = {verdict.outcome for verdict in verdicts}
    for outcome in (Outcome.INSUFFICIENT, Outcome.FAILED):
        if outcome in found:
            return outcome
    return Outcome.PASSED


def _reason(outcome: Outcome, verdicts: tuple[Verdict, ...]) -> str:
    told = "; ".join(verdict.message for verdict in verdicts if verdict.outcome is outcome)
    if outcome is Outcome.PASSED:
        return f"Promoted: {told}."
    if outcome is Outcome.INSUFFICIENT:
        return f"Not promoted, the evidence is insufficient: {told}. What is live stays."
    return f"Not promoted: {told}. What is live stays."
