"""Matches of an animal: the visitors who gain most by hearing of it.

    surplus = chance(animal) - mean chance(best places of the visitor's own page, without it)

The chance is that to open an animal that is looked at. It is expected over what is not known of the
visitor: a log-odds of mean m and variance v has about the chance expit(m / sqrt(1 + pi v / 8))
(MacKay 1992). What the service itself wishes, such as even exposure, orders the page and has no
part in the chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec.structs import replace
from sqlalchemy import ColumnElement, func, select

from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import events, users
from pawsonalize.core.errors import Conflict, NotFound
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, Visitor
from pawsonalize.models.recipes.data import Floats
from pawsonalize.models.recipes.late_scipy import special
from pawsonalize.recommend.animals.available import Slots
from pawsonalize.recommend.animals.eligibility import ANYBODY, Eligibility
from pawsonalize.recommend.animals.recommender import AnimalPlace, AnimalRecommender
from pawsonalize.recommend.animals.scoring import ScoringInputs, choose, estimate
from pawsonalize.recommend.animals.settings import COMMON
from pawsonalize.recommend.query import Query, interactions_by_animal

MOST_USERS = 2_000
"""Visitors that are weighed for one answer, which takes some milliseconds each."""
_PLACES = 10
_COMPARED = 24  # animals that reasons set one apart from
_FAIRNESS = [COMMON.index(name) for name in ("exposure", "priority", "bid_price")]


CONSENT = "ALERTS"
"""The attribute of a user that says whether they may be told of animals."""
LANGUAGE = "LANGUAGE"
"""The attribute that says the language of the pages that the user saw last."""
YES, SEARCHES, NO = "yes", "searches", "no"
"""Of any animal; for saved searches alone, as without the attribute; of none at all."""


def has_word(word: str) -> ColumnElement[bool]:
    """True if the row of `users` is of the default dataset group and holds this word."""
    # Attributes are stored as JSON without spaces, and a quote inside a value would be escaped. No
    # LIKE: SQLite's would take YES as well.
    stored = users.c.attributes
    without = func.replace(stored, f'"{CONSENT}":"{word}"', "")
    return (users.c.dataset_group == DEFAULT_DATASET_GROUP) & (without != stored)


class Audience(TableAccess):
    """Reads who may be told."""

    def newest(self, limit: int) -> list[str]:
        """Return at most so many users with a consent, the last active first."""
        mine = (
            events.c.user_id == users.c.user_id,
            events.c.dataset_group == DEFAULT_DATASET_GROUP,
        )
        active = select(func.max(events.c.sent_at)).where(*mine).scalar_subquery()
        order = (func.coalesce(active, 0).desc(), users.c.user_id)
        return [
            *self._scalars(
                select(users.c.user_id).where(has_word(YES)).order_by(*order).limit(limit)
            )
        ]

    def count(self) -> int:
        """Count all with a consent."""
        return int(self._scalar(select(func.count()).select_from(users).where(has_word(YES))))


class Outlook(msgspec.Struct, frozen=True):
    """Chances of one visitor to open some animals.

    NaN for an animal that must not be shown to the visitor, or is not available.
    """

    user_id: str
    chances: Floats
    others: Floats  # the mean chance of the best places without the animal
    rules: Eligibility = ANYBODY  # beside those of the stored profile

    @property
    def surplus(self) -> Floats:
        """By animal."""
        return np.asarray(self.chances - self.others)


class Match(msgspec.Struct, frozen=True):
    """A visitor who would love an animal."""

    user_id: str
    surplus: float
    chance: float
    place: AnimalPlace
    """The animal beside some others; its reasons are what sets it apart for this visitor."""
    version: str
    """The solution version by which it was weighed."""


class Matches(msgspec.Struct, frozen=True):
    """Matches of an animal, best first; of `willing` visitors the last active were weighed."""

    willing: int
    weighed: int
    matches: tuple[Match, ...]


@dataclass(eq=False)
class Matching:
    """Finds matches, by the same weighing as every answer; what it weighs is not logged."""

    animal_recommender: AnimalRecommender
    audience: Audience

    def find(self, animal_id: str, limit: int, now: int) -> Matches:
        """The best matches of an animal; NotFound, and Conflict if it is not available."""
        names = self.unit_of(animal_id, now)
        users = self.audience.newest(MOST_USERS)
        outlooks = [self.outlook(one, names[:1], now) for one in users]
        surplus = np.array([one.surplus[0] for one in outlooks])
        order = np.lexsort((np.arange(len(users)), -surplus))
        found: list[Match] = []
        for outlook in (outlooks[one] for one in order.tolist() if not np.isnan(surplus[one])):
            if len(found) == limit:
                break
            if self.knows(outlook.user_id, names, now):
                continue
            if (match := self.match(outlook, names[0], 0, now)) is not None:
                found.append(match)
        willing = len(users) if len(users) < MOST_USERS else self.audience.count()
        return Matches(willing, len(users), tuple(found))

    def unit_of(self, animal_id: str, now: int) -> tuple[str, ...]:
        """The animals that share its place, the one that is weighed first."""
        available = self.animal_recommender.available.of(now, now)
        with available.lock:
            slots = available.slots([animal_id]).tolist()
            if slots:
                return available.members(slots[0])
        animal = self.animal_recommender.animals.get(animal_id)
        if animal is None:
            raise NotFound(f"there is no animal {animal_id}: see GET /v1/animals")
        raise Conflict(f"animal {animal_id} is {animal.status}: only who waits has matches")

    def outlook(
        self, user_id: str, animals: Sequence[str], now: int, rules: Eligibility = ANYBODY
    ) -> Outlook:
        """Weigh animals, each first of its unit, for a user by the stored profile and `rules`."""
        animal_recommender, query = self.animal_recommender, self._query(user_id, now, rules)
        groups = animal_recommender.group_recommender.score_groups(query)
        with animal_recommender.inputs(
            query, groups, animal_recommender.settings.group_affinity
        ) as inputs:
            available = inputs.available
            page = choose(inputs, estimate(inputs), _PLACES + 1)
            own = _chances(inputs, page)
            code = available.codes["animal"].get
            slots = np.array([code(one, -1) for one in animals], np.int64)
            fitting = np.isin(slots, inputs.fitting(slots[slots >= 0]))
            fitting &= ~np.isin(slots, inputs.disliked)
            chances = np.full(len(slots), np.nan)
            chances[fitting] = _chances(inputs, slots[fitting])
        others = np.full(len(slots), _mean(own))
        for place, slot in enumerate(page.tolist()):
            others[slots == slot] = _mean(np.delete(own, place))
        return Outlook(user_id, chances, others, rules)

    def knows(self, user_id: str, animals: Sequence[str], now: int) -> bool:
        """True if the user did something with one of these animals: nobody need tell them."""
        log = self.animal_recommender.group_recommender.filtering.log
        return not interactions_by_animal(log, Visitor(user_id), now).keys().isdisjoint(animals)

    def language_of(self, user_id: str) -> str:
        """The language of the pages that the user saw last; empty where it is unknown."""
        user = self.animal_recommender.group_recommender.filtering.catalogue.user(user_id)
        return "" if user is None else str(user.attributes.get(LANGUAGE, ""))

    def match(self, outlook: Outlook, animal_id: str, place: int, now: int) -> Match | None:
        """The match with its reasons; None if the animal may not be shown any more."""
        query = replace(self._query(outlook.user_id, now, outlook.rules), explain=True)
        # On a page of animals that are all loved alike, nothing sets one apart.
        together = dict.fromkeys([animal_id, *self._some_animals(now)])
        answer = self.animal_recommender.rerank([*together], query)
        own = next((one for one in answer.places if one.animal_ids[0] == animal_id), None)
        if own is None:
            return None
        surplus, chance = float(outlook.surplus[place]), float(outlook.chances[place])
        return Match(outlook.user_id, surplus, chance, own, answer.solution_version)

    def _some_animals(self, now: int) -> list[str]:
        available = self.animal_recommender.available.of(now, now)
        with available.lock:
            led = available.order[available.leads[available.order]]
            return [available.ids[slot] for slot in led[:: len(led) // _COMPARED + 1].tolist()]

    def _query(self, user_id: str, now: int, rules: Eligibility) -> Query:
        return self.animal_recommender.with_profile(
            Query(Visitor(user_id), now, now, eligibility=rules)
        )


def _mean(chances: Floats) -> float:
    """Return the mean of the best places; 0 if there is no other animal."""
    return float(chances[:_PLACES].mean()) if len(chances) else 0.0


def _chances(inputs: ScoringInputs, slots: Slots) -> Floats:
    odds = inputs.tables.model.intercept + inputs.utilities(slots)
    for part in _FAIRNESS:
        odds -= inputs.common.parts[part][slots]
    spread = np.sqrt(1 + np.pi / 8 * inputs.variance_left(slots))
    return np.asarray(special.expit(odds / spread))
