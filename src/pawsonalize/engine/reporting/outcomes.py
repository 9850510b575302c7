"""Outcomes: adoptions and what led to them, and which answer gets the credit.

The first of these rules that applies decides:

1. The answer whose recommendationId the event names, if it held the animal or its group.

2. For a return: the answer that got the credit for the animal's newest adoption before it.

3. The newest answer to the same visitor that held it, at most `within` before.

If none applies, no answer gets the credit.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import MAX_IMPRESSION_ITEMS
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.times import DAY
from pawsonalize.evaluation.off_policy import Choices
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.event_reads import Outcomes
from pawsonalize.storage.events.impressions import RECOMMENDATION, Impression, Impressions

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class LoggedChoices:
    """One row for each place of each answer; the columns have the shape (rows,).

    `item` are codes of `item_ids`; `answer` those of `recommendation_ids` and `solution_versions`;
    `place` counts from 0. `reward` is the best outcome of the item, `propensity` its probability at
    the place, given the items before it. `unattributed` counts outcomes that name no such answer or
    no item of it, or that came too late.
    """

    recommendation_ids: tuple[str, ...]
    solution_versions: tuple[str, ...]
    item_ids: tuple[str, ...]
    answer: NDArray[np.int64]
    item: NDArray[np.int64]
    place: NDArray[np.int64]
    propensity: NDArray[np.float64]
    reward: NDArray[np.float64]
    unattributed: int

    def __len__(self) -> int:
        return len(self.item)

    def choices(self, target: NDArray[np.float64]) -> Choices:
        """Add the probability that another policy gives each row's item at its place."""
        return Choices(self.reward, self.propensity, target, self.answer)


def logged_choices(
    impressions: Impressions,
    log: EventLog,
    rewards: Mapping[str, float],
    *,
    since: int,
    until: int,
    within: int = DAY,
    places: int = MAX_IMPRESSION_ITEMS,
) -> LoggedChoices:
    """The recommendations from `since` to before `until` that visitors saw.

    Only recommendations with propensities, and of each the first `places`. `rewards` has the value
    of each event type. An outcome counts if it names the answer and one of these items, and was
    sent at most `within` milliseconds after the answer. Moments are milliseconds since 1970.
    """
    rows = _Rows(places)
    for impression in _answers(impressions, since, until):
        # Answers of animals have propensities of animals, not of the groups that policies choose.
        of_groups = impression.animal_ids is None
        if impression.is_seen and of_groups and impression.propensities is not None:
            rows.add(impression)
    worth = {log.event_types.meaning(name): value for name, value in rewards.items()}
    reward, unattributed = np.zeros(len(rows.item)), 0
    for kind, sent_at, key in _outcomes(log):
        row = rows.by_item.get(key)
        if row is None or sent_at > rows.answered_at[rows.answer[row]] + within:
            unattributed += 1
        else:
            reward[row] = max(reward[row], worth.get(log.event_types.meaning(kind), 0.0))
    return LoggedChoices(
        recommendation_ids=tuple(rows.names),
        solution_versions=tuple(rows.versions),
        item_ids=tuple(rows.codes),
        answer=np.array(rows.answer, np.int64),
        item=np.array(rows.item, np.int64),
        place=np.array(rows.place, np.int64),
        propensity=np.array(rows.propensity, np.float64),
        reward=reward,
        unattributed=unattributed,
    )


class _Rows:
    """Places of answers, gathered as columns."""

    def __init__(self, places: int) -> None:
        self._places = places
        self.names: list[str] = []
        self.versions: list[str] = []
        self.answered_at: list[int] = []
        self.codes: dict[str, int] = {}
        self.by_item: dict[tuple[str, str], int] = {}
        self.answer, self.item, self.place = array("q"), array("q"), array("q")
        self.propensity = array("d")

    def add(self, shown: Impression) -> None:
        assert shown.propensities is not None
        pairs = zip(shown.item_ids, shown.propensities, strict=True)
        for place, (item_id, odds) in enumerate(pairs):
            if place == self._places:
                break
            self.by_item[shown.recommendation_id, item_id] = len(self.item)
            self.answer.append(len(self.names))
            self.item.append(self.codes.setdefault(item_id, len(self.codes)))
            self.place.append(place)
            self.propensity.append(odds)
        self.names.append(shown.recommendation_id)
        self.versions.append(shown.solution_version)
        self.answered_at.append(shown.answered_at)


def _answers(impressions: Impressions, since: int, until: int) -> Iterator[Impression]:
    after = ""
    while page := impressions.between(since, until, after, _BATCH):
        yield from page
        after = page[-1].recommendation_id


def _outcomes(log: EventLog) -> Iterator[tuple[str, int, tuple[str, str]]]:
    """Type, moment, and answer and item of every event that names an answer."""
    after = 0
    while page := log.outcomes(after, _BATCH):
        for logged in page:
            event = logged.event
            assert event.recommendation_id is not None
            yield event.event_type, event.sent_at, (event.recommendation_id, event.item_id)
        after = page[-1].offset


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
