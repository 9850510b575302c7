"""Outcomes: adoptions and what led to them, and which answer gets the credit.

The first of these rules that applies decides:

1. The answer whose recommendationId the event names, if it held the animal or, as an answer of
   groups, its group.
2. For a return: the answer that got the credit for the animal's newest adoption before it.
3. The newest answer to the same visitor that held it, at most `within` before.

If none applies, no answer gets the credit.
"""

from array import array
from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from operator import itemgetter

import msgspec
import numpy as np

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import MAX_IMPRESSION_ITEMS, Event
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.off_policy import Choices
from pawsonalize.recommend.live_tests import version_at
from pawsonalize.recommend.tables import (
    ALERT,
    ANIMAL_RANKING,
    BOARD,
    RANKING,
    RECOMMENDATION,
    Impression,
    Impressions,
)

# An item with a greater propensity was the best one left, for exploration weights up to this.
CHOSEN = 0.5
_BATCH = 10_000
_ANSWERS = 2_000  # those of a page take some kilobytes each


class OutcomeKind(StrEnum):
    """The event types that are outcomes."""

    INQUIRY = "inquiry"
    APPLICATION = "application"
    ADOPTION = "adoption"
    RETURN = "return"


WEIGHTS: Mapping[str, float] = {
    OutcomeKind.INQUIRY: 0.1,
    OutcomeKind.APPLICATION: 0.3,
    OutcomeKind.ADOPTION: 1.0,
    OutcomeKind.RETURN: -1.0,
}
_KIND_OF = {AnimalStatus.ADOPTED: OutcomeKind.ADOPTION, AnimalStatus.RETURNED: OutcomeKind.RETURN}


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


class Outcome(msgspec.Struct, frozen=True):
    """One outcome; the visitor is None if only the animal's record knows it."""

    kind: OutcomeKind
    at: int
    visitor: str | None
    item_id: str
    animal_id: str | None = None
    recommendation_id: str | None = None


def reported_outcomes(log: EventLog, since: int, until: int) -> list[Outcome]:
    """The events that are outcomes, each with its visitor."""
    events = []
    after = 0
    while page := log.of_meanings([*OutcomeKind], since, until, after, _BATCH):
        events += [logged.event for logged in page]
        after = page[-1].offset
    # A session that is bound to a user by now is that user's.
    alone = {one.session_id for one in events if one.user_id is None and one.session_id is not None}
    users = log.users_of(alone)
    return [
        Outcome(
            OutcomeKind(log.event_types.meaning(event.event_type)),
            event.sent_at,
            event.user_id or users.get(event.session_id or "", event.session_id),
            event.item_id,
            event.animal_id,
            event.recommendation_id,
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
            # An event and the animal's record know of the same outcome: it counts once.
            if events[kind, animal.animal_id]:
                events[kind, animal.animal_id] -= 1
                continue
            group = animal.group_at(change.at).id
            found.append(Outcome(kind, change.at, None, group, animal.animal_id))
    return found


class Policy(StrEnum):
    """Policy that showed the animal to the visitor; NONE if no answer of this service did."""

    RECOMMENDED = "recommended"
    EXPLORED = "explored"
    RANKED = "ranked"
    BOARD = "board"
    ALERT = "alert"
    NONE = "none"


_POLICY_OF: Mapping[str, Policy] = {
    RANKING: Policy.RANKED,
    ANIMAL_RANKING: Policy.RANKED,
    BOARD: Policy.BOARD,
    ALERT: Policy.ALERT,
}
"""By the question of an answer; of any other, places are recommended or explored."""


class Cause(msgspec.Struct, frozen=True):
    """The policy and the solution version that get the credit for an outcome."""

    policy: Policy
    version: str | None = None


NOBODY = Cause(Policy.NONE)


def policy_of(answer: Impression, place: int) -> Policy:
    """The policy that filled the place."""
    if (policy := _POLICY_OF.get(answer.question)) is not None:
        return policy
    odds = answer.propensities
    return Policy.EXPLORED if odds is not None and odds[place] <= CHOSEN else Policy.RECOMMENDED


def answers_between(impressions: Impressions, since: int, until: int) -> Iterator[list[Impression]]:
    """Answers that visitors saw, many at a time: all except replays of another moment."""
    after = ""
    while page := impressions.between(since, until, after, _ANSWERS):
        yield [answer for answer in page if answer.as_of == answer.answered_at]
        after = page[-1].recommendation_id


def held_at(answer: Impression, place: int) -> tuple[str, ...]:
    """The group of a place, or the animals that it showed."""
    return (answer.item_ids[place],) if answer.animal_ids is None else answer.animal_ids[place]


_Held = tuple[int, str, int, Cause]
"""When an answer was given, its id, the place times -1, and the cause that it is."""
_FIRST = itemgetter(0)


class AnswerIndex:
    """The answers that may get the credit for the given outcomes."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._visitors = {one.visitor for one in outcomes}
        # By the answer that outcomes name: the first place of what they are about.
        self._named = defaultdict[str, dict[str, tuple[int, Cause] | None]](dict)
        for one in outcomes:
            if one.recommendation_id is not None:
                self._named[one.recommendation_id] |= dict.fromkeys(_names(one))
        # In order of time. A visitor may have very many answers: a site may name everybody alike.
        self._held: dict[tuple[str, str], list[_Held]] = {
            (one.visitor, name): []
            for one in outcomes
            if one.visitor is not None
            for name in _names(one)
        }

    def add(self, answer: Impression, visitor: str | None) -> None:
        """Keep of an answer to that visitor what one of the outcomes may need."""
        named = self._named.get(answer.recommendation_id)
        if named is None and visitor not in self._visitors:
            return
        for place in range(len(answer.item_ids)):
            version = version_at(answer.solution_version, answer.live_test, place)
            cause = Cause(policy_of(answer, place), version)
            for name in _names_at(answer, place):
                if named is not None and name in named and named[name] is None:
                    named[name] = (place, cause)
                if visitor and (held := self._held.get((visitor, name))) is not None:
                    insort(held, (answer.answered_at, answer.recommendation_id, -place, cause))

    def named_cause(self, outcome: Outcome) -> Cause | None:
        """The cause by the answer that the event names."""
        named = self._named.get(outcome.recommendation_id or "", {})
        found = [held for name in _names(outcome) if (held := named.get(name)) is not None]
        return min(found, key=_FIRST)[1] if found else None

    def latest_cause(self, outcome: Outcome, within: int) -> Cause | None:
        """The cause by the visitor's newest answer before that held it."""
        newest: list[_Held] = []
        for name in _names(outcome):
            held = self._held.get((outcome.visitor or "", name), [])
            if before := bisect_right(held, outcome.at, key=_FIRST):
                newest.append(held[before - 1])
        latest = max(newest, default=None)
        return latest[-1] if latest and latest[0] >= outcome.at - within else None


# A page of animals holds an animal's group only for an event that names no animal: the visitor of
# any other event may have met one that was not on it.
_OF_ANIMALS = "\0"


def _names(outcome: Outcome | Event) -> set[str]:
    """Names of which a place that led to the outcome holds one."""
    other = outcome.animal_id or f"{outcome.item_id}{_OF_ANIMALS}"
    return {outcome.item_id, other}


def _place_of(answer: Impression, names: set[str]) -> int | None:
    places = range(len(answer.item_ids))
    return next((one for one in places if not names.isdisjoint(_names_at(answer, one))), None)


def _names_at(answer: Impression, place: int) -> tuple[str, ...]:
    held = held_at(answer, place)
    own = () if answer.animal_ids is None else (f"{answer.item_ids[place]}{_OF_ANIMALS}",)
    return held + own


def attribute(
    outcomes: Iterable[Outcome], answers: AnswerIndex, within: int
) -> Iterator[tuple[Outcome, Cause]]:
    """Every outcome with its cause, in order of time; `within` is in milliseconds."""
    adopted: dict[str | None, Cause] = {}
    for outcome in sorted(outcomes, key=lambda one: one.at):
        cause = answers.named_cause(outcome)
        if cause is None and outcome.kind is OutcomeKind.RETURN:
            cause = adopted.get(outcome.animal_id)
        cause = cause or answers.latest_cause(outcome, within) or NOBODY
        if outcome.kind is OutcomeKind.ADOPTION and outcome.animal_id is not None:
            adopted[outcome.animal_id] = cause
        yield outcome, cause


Ranked = Callable[[Impression, int], Sequence[str]]
"""Returns the first so many items that a policy would have shown in place of an answer."""


def logged_choices(
    impressions: Impressions,
    log: EventLog,
    rewards: Mapping[str, float],
    *,
    since: int,
    until: int,
    within: int,
    policy: Ranked | None = None,
    most: int | None = None,
) -> Choices | None:
    """The recommendations from `since` to before `until` that visitors saw; None without any.

    One row for each of the first places of answers with propensities. An outcome counts, by its
    event type's value in `rewards`, if it names the answer, and one of these places held what it is
    about, at most `within` later. The target policy shows the best that is left, of `policy` or of
    what was served. A policy ranks groups: pages of animals do not count. `most` answers are
    enough, the oldest. Times are in milliseconds.
    """
    worth = {log.event_types.meaning(name): value for name, value in rewards.items()}
    came, after = defaultdict[str, list[tuple[Event, float]]](list), 0
    while events := log.outcomes(after, _BATCH):
        for event in (logged.event for logged in events):
            value = worth.get(log.event_types.meaning(event.event_type), 0.0)
            if value > 0:
                came[event.recommendation_id or ""].append((event, value))
        after = events[-1].offset
    count, answers, odds, reward = 0, array("q"), array("d"), array("d")
    items, wanted = array("q"), array("q")
    codes: dict[str, int] = defaultdict(lambda: len(codes))
    judged = _explored(impressions, since, until, groups_only=policy is not None)
    for shown in islice(judged, most):
        of_places = (shown.propensities or ())[:MAX_IMPRESSION_ITEMS]
        values, last = [0.0] * len(of_places), shown.answered_at + within
        for event, value in came.get(shown.recommendation_id, ()):
            place = _place_of(shown, _names(event))
            if place is not None and place < len(values) and event.sent_at <= last:
                # Outcomes of one place are steps on one way, so the greatest counts.
                values[place] = max(values[place], value)
        answers.extend([count] * len(of_places))
        odds.extend(of_places)
        reward.extend(values)
        if policy is not None:
            items.extend(codes[one] for one in shown.item_ids[: len(of_places)])
            wanted.extend(codes[one] for one in _best_left(policy(shown, len(of_places)), shown))
        count += 1
    if not count:
        return None
    logged, numbers = np.array(odds, np.float64), np.array(answers, np.int64)
    if policy is None:
        return Choices(np.array(reward), logged, (logged > CHOSEN).astype(np.float64), numbers)
    item, best = np.array(items, np.int64), np.array(wanted, np.int64)
    target = (item == best).astype(np.float64)
    return Choices(np.array(reward), logged, target, numbers, item, best)


def _explored(
    impressions: Impressions, since: int, until: int, *, groups_only: bool
) -> Iterator[Impression]:
    for page in answers_between(impressions, since, until):
        for shown in page:
            known = shown.propensities is not None and shown.question not in _POLICY_OF
            if known and (shown.question == RECOMMENDATION or not groups_only):
                yield shown


def _best_left(ranked: Sequence[str], shown: Impression) -> Iterator[str]:
    """Yield the best of the ranked items at each place, without those shown before; "" for none."""
    for place in range(min(len(shown.item_ids), MAX_IMPRESSION_ITEMS)):
        before = shown.item_ids[:place]
        yield next((one for one in ranked if one not in before), "")
