"""Outcomes: adoptions and what led to them, and which answer gets the credit.

The first of these rules that applies decides:

1. The answer whose recommendationId the event names, if it held the animal or its group.

2. For a return: the answer that got the credit for the animal's newest adoption before it.

3. The newest answer to the same visitor that held it, at most `within` before.

If none applies, no answer gets the credit.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.storage.events.impressions import RECOMMENDATION, Impression, Impressions
from pawsonalize.storage.events.outcomes import Outcomes


class OutcomeKind(StrEnum):
    """The event types that are outcomes."""

    INQUIRY = "inquiry"
    APPLICATION = "application"
    ADOPTION = "adoption"
    RETURN = "return"


WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        OutcomeKind.INQUIRY: 0.1,
        OutcomeKind.APPLICATION: 0.3,
        OutcomeKind.ADOPTION: 1.0,
        OutcomeKind.RETURN: -1.0,
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome, by a visitor (the user of a bound session); None if only the record knows it.

    `recommendation_id` is the answer that the event names.
    """

    kind: OutcomeKind
    at: int
    visitor: str | None
    item_id: str
    animal_id: str | None = None
    recommendation_id: str | None = None


def read_weights(given: Mapping[str, str]) -> dict[str, float]:
    """The default weights, with those of `name=value` in their place; InvalidInput for others."""
    weights = dict(WEIGHTS)
    for name, value in given.items():
        if name not in weights:
            raise InvalidInput(f"no outcome is called {name}: there are {', '.join(weights)}")
        try:
            weights[name] = float(value)
        except ValueError as error:
            raise InvalidInput(f"the weight of {name} must be a number, not {value}") from error
    if weights[OutcomeKind.RETURN] > 0 or not all(abs(each) < 1e6 for each in weights.values()):
        raise InvalidInput("weights are below a million, and a return takes away")
    return weights


_BATCH = 10_000
_KIND_OF = {AnimalStatus.ADOPTED: OutcomeKind.ADOPTION, AnimalStatus.RETURNED: OutcomeKind.RETURN}


def reported_outcomes(table: Outcomes, since: int, until: int) -> list[Outcome]:
    """The events that are outcomes, each with its visitor."""
    events = []
    after = 0
    while page := table.events([*OutcomeKind], since, until, after, _BATCH):
        events += [logged.event for logged in page]
        after = page[-1].offset
    alone = {one.session_id for one in events if one.user_id is None and one.session_id is not None}
    users = table.users_of(alone)
    return [
        Outcome(
            kind=OutcomeKind(table.event_types.meaning(event.event_type)),
            at=event.sent_at,
            visitor=event.user_id or users.get(event.session_id or "", event.session_id),
            item_id=event.item_id,
            animal_id=event.animal_id,
            recommendation_id=event.recommendation_id,
        )
        for event in events
    ]


def unreported_outcomes(
    animals: Sequence[Animal], reported: Sequence[Outcome], since: int, until: int
) -> list[Outcome]:
    """Adoptions and returns in animals' records without an event: their visitor is unknown."""
    events = Counter((one.kind, one.animal_id) for one in reported)
    found = []
    for animal in animals:
        for change in animal.history:
            kind = _KIND_OF.get(change.status)
            if kind is None or not since <= change.at < until:
                continue
            if events[kind, animal.animal_id]:
                events[kind, animal.animal_id] -= 1
                continue
            group = animal.group_at(change.at).id
            found.append(Outcome(kind, change.at, None, group, animal.animal_id))
    return found


CHOSEN = 0.5
"""An item with a greater propensity was the best one left, for exploration weights up to this."""


class Policy(StrEnum):
    """Policy that showed the animal to the visitor; NONE if no answer of this service did."""

    RECOMMENDED = "recommended"
    EXPLORED = "explored"
    RANKED = "ranked"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Cause:
    """The policy and the solution version that get the credit for an outcome."""

    policy: Policy
    version: str | None = None


NOBODY = Cause(Policy.NONE)


def policy_of(answer: Impression, place: int) -> Policy:
    """The policy that filled the place."""
    if answer.question != RECOMMENDATION:
        return Policy.RANKED
    odds = answer.propensities
    return Policy.EXPLORED if odds is not None and odds[place] <= CHOSEN else Policy.RECOMMENDED


def answers_between(impressions: Impressions, since: int, until: int) -> Iterator[list[Impression]]:
    """Answers that visitors saw, many at a time: all except replays of another moment."""
    after = ""
    while page := impressions.between(since, until, after, _BATCH):
        yield [answer for answer in page if answer.as_of == answer.answered_at]
        after = page[-1].recommendation_id


class AnswerIndex:
    """The answers that may get the credit for the given outcomes."""

    def __init__(self, named: Collection[str], visitors: Collection[str]) -> None:
        self._named, self._visitors = named, visitors
        self._by_id: dict[str, Impression] = {}
        self._by_visitor: dict[str, list[Impression]] = defaultdict(list)

    def add(self, answer: Impression, visitor: str | None) -> None:
        """Keep an answer to that visitor, if one of the outcomes may need it."""
        if answer.recommendation_id in self._named:
            self._by_id[answer.recommendation_id] = answer
        if visitor in self._visitors and visitor is not None:
            self._by_visitor[visitor].append(answer)

    def named(self, recommendation_id: str) -> Impression | None:
        """The answer of that id."""
        return self._by_id.get(recommendation_id)

    def newest(self, visitor: str, ids: Collection[str], since: int, at: int) -> Impression | None:
        """The visitor's newest answer in that time that held one of the ids."""
        held = [
            answer
            for answer in self._by_visitor.get(visitor, ())
            if since <= answer.answered_at <= at and not set(ids).isdisjoint(answer.item_ids)
        ]
        return max(held, key=lambda one: (one.answered_at, one.recommendation_id), default=None)


def attribute(
    outcomes: Iterable[Outcome], answers: AnswerIndex, within: int
) -> Iterator[tuple[Outcome, Cause]]:
    """Every outcome with its cause, in order of time; `within` is in milliseconds."""
    adopted: dict[str, Cause] = defaultdict(lambda: NOBODY)
    for outcome in sorted(outcomes, key=lambda one: one.at):
        cause = _named(outcome, answers)
        if cause is None and outcome.kind is OutcomeKind.RETURN and outcome.animal_id in adopted:
            cause = adopted[outcome.animal_id]
        if cause is None:
            cause = _latest(outcome, answers, within)
        if outcome.kind is OutcomeKind.ADOPTION and outcome.animal_id is not None:
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
    """The ids under which an answer may hold it: its group's, or the animal's own."""
    return (outcome.item_id,) if outcome.animal_id is None else (outcome.item_id, outcome.animal_id)
