"""Which answer an outcome is put down to: three rules, the first that applies decides.

1. The answer whose recommendationId the event names, if it held the animal or its group.
2. A return: whatever the animal's newest adoption before it was put down to.
3. The newest answer to the same visitor, at most `within` before, that held it.

What none of them finds is put down to nobody.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pawsonalize.engine.reporting.outcomes.answers import NOBODY, AnswerIndex, Cause, policy_of
from pawsonalize.engine.reporting.outcomes.outcome import Kind, Outcome
from pawsonalize.storage.impressions import Impression


def attribute(
    outcomes: Iterable[Outcome], answers: AnswerIndex, within: int
) -> Iterator[tuple[Outcome, Cause]]:
    """Every outcome with its cause, in order of time; `within` is in milliseconds."""
    adopted: dict[str, Cause] = defaultdict(lambda: NOBODY)
    for outcome in sorted(outcomes, key=lambda one: one.at):
        cause = _named(outcome, answers)
        if cause is None and outcome.kind is Kind.RETURN and outcome.animal_id in adopted:
            cause = adopted[outcome.animal_id]
        if cause is None:
            cause = _latest(outcome, answers, within)
        if outcome.kind is Kind.ADOPTION and outcome.animal_id is not None:
            adopted[outcome.animal_id] = cause
        yield outcome, cause


def _named(outcome: Outcome, answers: AnswerIndex) -> Cause | None:
    if outcome.recommendation_id is None:
        return None
    answer = answers.named(outcome.recommendation_id)
    return None if answer is None else _cause(outcome, answer)


def _latest(outcome: Outcome, answers: AnswerIndex, within: int) -> Cause:
    if outcome.visitor is None:
        return NOBODY
    answer = answers.newest(outcome.visitor, _ids(outcome), outcome.at - within, outcome.at)
    return (None if answer is None else _cause(outcome, answer)) or NOBODY


def _cause(outcome: Outcome, answer: Impression) -> Cause | None:
    for place, item_id in enumerate(answer.item_ids):
        if item_id in _ids(outcome):
            return Cause(policy_of(answer, place), answer.solution_version)
    return None


def _ids(outcome: Outcome) -> tuple[str, ...]:
    """What an answer may call it: its group, or the animal itself."""
    return (outcome.item_id,) if outcome.animal_id is None else (outcome.item_id, outcome.animal_id)
