"""Queries, the context of a visitor (for training, evaluation and serving), and dislikes.

A dislike counts in the very next answer, with any model and also before there is one. For each
trait of animals (species, breed, family, size, age) the log of a score loses

    weight * ln((liked + disliked + doubt) / (liked + doubt))

by the visitor's fading events and dislikes with that trait. So five dislikes of dogs take away more
than half of what all dogs had, and hardly anything after thirty views.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import takewhile
from math import log
from typing import Any, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.breeds import Trait, traits_of
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import (
    DISLIKE,
    NOTHING,
    PICKS,
    RETURN,
    STANDARD,
    VIEW,
    EventTypes,
    Visitor,
    standing,
)
from pawsonalize.domain.limits import check_between
from pawsonalize.domain.preferences import (
    PREFERRED,
    PREFERRED_AT,
    USER_FACET,
    Preferences,
    WantedValues,
    about_picks,
    speak_against,
)
from pawsonalize.domain.reasons import Reason
from pawsonalize.domain.times import DAY
from pawsonalize.engine.serving.animals.available import AvailableAnimals
from pawsonalize.engine.serving.animals.eligibility import ANYBODY, Eligibility
from pawsonalize.engine.serving.facets import FacetReader, of_preferences, values_of
from pawsonalize.engine.serving.filters import AppliedFilter
from pawsonalize.recipes.contract import Context, ContextEvent
from pawsonalize.recipes.data import Facet, Scores
from pawsonalize.storage.animals.catalogue import Catalogue, Value
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.histories import HistoryQuery, RecentEvent
from pawsonalize.storage.events.impressions import Impression

MAX_CONTEXT_EVENTS = 50  # older events have decayed to nothing in every recipe
THE_ANIMAL = 3.0  # loss of a disliked animal in addition to its group's, as a log
_AGAINST = frozenset({RETURN, DISLIKE})
_WEIGHTS = {"species": 1.0, "breed": 0.5, "family": 0.5, "size": 0.25, "age": 0.25}
_DOUBT = 4.0  # imagined events with the trait, added for every visitor
_ITEM_WEIGHT, _ITEM_DOUBT = 1.5, 0.25
_HALF_LIFE_DAYS = 90.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)


class Promotion(msgspec.Struct, frozen=True):
    """Items that are promoted, and their share of the places in per cent, 1 to 100."""

    name: str
    percent: int
    filter: AppliedFilter

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput(
                "the name of a promotion has 1 to 63 letters, digits, - and _, and begins with a"
                " letter or digit",
                field="promotions[0].name",
            )
        check_between("promotions[0].percentPromotedItems", self.percent, 1, 100)

    def places(self, limit: int) -> int:
        """Return its number of places."""
        # Rounded up: the smallest share is at least one place.
        return math.ceil(limit * self.percent / 100)


class Relevance(msgspec.Struct, frozen=True):
    """Relevance of animals to a search, by slot."""

    found: NDArray[np.bool_]  # False for an animal that must not be shown
    scores: NDArray[np.float64]  # from 0 to 1


class Search(Protocol):
    """A search in words, read and looked up by whoever can."""

    @property
    def record(self) -> str | None:
        """JSON of the search, to be kept with its answer; None if it is not to be kept."""

    @property
    def nearest(self) -> "Search | None":
        """The animals that nearly fit; None if there are none."""

    def relevance(self, available: AvailableAnimals) -> Relevance:
        """The relevance of the available animals. Their lock is held."""

    def ids(self) -> list[str]:
        """The animals that were found, best first, whatever the rules of the query say."""

    def reason(self, animal: Animal) -> Reason | None:
        """Return a reason that names words of the search which the animal's record has."""


class Query(msgspec.Struct, frozen=True):
    """One question, carried from the door through the whole answer."""

    visitor: Visitor
    at: int  # the moment the answer is as of, in milliseconds since 1970: later events do not count
    now: int  # the moment of asking, by the clock, in milliseconds since 1970
    context: Mapping[str, Value] = msgspec.field(default_factory=dict)
    """Facets of the visit that the request names, such as the device."""
    preferences: Preferences = msgspec.field(default_factory=Preferences)  # answers of the quiz
    eligibility: Eligibility = ANYBODY
    # Filter of the answer; promoted items keep to the promotion's own filter instead.
    filter: AppliedFilter | None = None
    promotion: Promotion | None = None
    item_id: str | None = None  # the item that is asked about, for recipes that need one
    limit: int = 10
    explain: bool = False
    # One that was given before gives the same places again, if nothing has changed since.
    recommendation_id: str | None = None
    # The answers that the page shows already: the new one has none of their animals.
    continues: tuple[str, ...] = ()
    # The answers of a page to be shown again as it was, if the visitor did nothing since.
    repeats: tuple[str, ...] = ()
    page: tuple[Impression, ...] = ()  # those of them that count; see `OpenPages.read`
    search: Search | None = None
    read_user: Callable[[], Mapping[str, Value]] | None = None
    """Reads the visitor's row of the users dataset; see `with_user`."""

    def attributes(self, catalogue: Catalogue) -> Mapping[str, Value]:
        """The columns of the visitor's row; empty without a user id, and for an unknown user."""
        if self.read_user is not None:
            return self.read_user()
        user_id = self.visitor.user_id
        user = None if user_id is None else catalogue.user(user_id)
        return {} if user is None else user.attributes

    def with_user(self, catalogue: Catalogue) -> "Query":
        """Return the query with the visitor's row."""
        # The row is read when it is needed, and only once.
        if self.read_user is not None:
            return self
        return replace(self, read_user=cache(partial(self.attributes, catalogue)))

    def impression(
        self,
        recommendation_id: str,
        question: str,
        version: str,
        item_ids: Iterable[str],
        **more: Any,
    ) -> Impression:
        """Return the record of an answer to the query; `more` are other fields of it."""
        visitor = (self.visitor.user_id, self.visitor.session_id)
        moments = (self.now, self.at)
        shown = tuple(item_ids)
        return Impression(recommendation_id, question, *visitor, *moments, version, shown, **more)


def context_of(
    log: EventLog,
    visitor: Visitor,
    at: int,
    facets: tuple[Facet, ...] = (),
    wishes: tuple[WantedValues, ...] = (),
) -> Context:
    """The visitor's newest events as of `at`, without those that the latest quiz takes back."""
    if visitor.user_id is None and visitor.session_id is None:
        return Context((), at, facets=facets)
    newest = log.recent(visitor, at, MAX_CONTEXT_EVENTS)
    # Of more events than were read nobody knows here.
    picked = len(newest) == MAX_CONTEXT_EVENTS or any(event[1] in PICKS for event in newest)
    if wishes:
        newest = [event for event in newest if not _is_withdrawn(event, wishes, log.event_types)]
    name = visitor.user_id or visitor.session_id
    context = build_context(newest, at, facets, log.event_types, visitor=name)
    return replace(context, picked=picked, wishes=wishes)


def query_context(
    log: EventLog, reader: FacetReader, query: Query, catalogue: Catalogue
) -> Context:
    """Build the context of the query's visitor, as far as `reader` knows the model's facets."""
    facets = (*reader.of_context(query.context), *of_preferences(query.preferences))
    wishes = query.preferences.wishes(query.at)
    if reader.user:
        # A stored attribute counts only where the request has no answer of the quiz.
        attributes = query.attributes(catalogue)
        anew = {name for name, _ in facets if name.startswith(USER_FACET)}
        facets += tuple(facet for facet in reader.of_user(attributes) if facet[0] not in anew)
        stored = stored_wishes(attributes)
        # What is said again unchanged keeps the moment at which it was stored.
        wishes = tuple(one for one in wishes if not any(map(one.repeats, stored)))
        again = {wish.attribute for wish in wishes}
        wishes = (*wishes, *(wish for wish in stored if wish.attribute not in again))
    return context_of(log, query.visitor, query.at, facets, wishes)


def with_wishes(context: Context, wanted: Preferences) -> Context:
    """The context with wishes that a search told, where it has no answer of the quiz."""
    known = {name for name, _ in context.facets}
    more = tuple(one for one in of_preferences(wanted) if one[0] not in known)
    return replace(context, facets=(*context.facets, *more)) if more else context


def stored_wishes(attributes: Mapping[str, Value]) -> list[WantedValues]:
    """The wishes that are stored of a user with the moment at which they were given."""
    stated_at = attributes.get(PREFERRED_AT)
    if not isinstance(stated_at, int | float):
        return []
    wanted = ((name, values_of(attributes.get(key))) for key, name in PREFERRED.items())
    return [WantedValues(name, frozenset(ids), int(stated_at)) for name, ids in wanted if ids]


def _is_withdrawn(
    event: RecentEvent, wishes: tuple[WantedValues, ...], event_types: EventTypes
) -> bool:
    item_id, event_type, sent_at, _value = event
    if event_types.meaning(event_type) in _AGAINST:  # a dislike speaks against the group as well
        return False
    those = about_picks(wishes) if event_type in PICKS else wishes
    return speak_against(those, item_id, sent_at)


def build_context(
    newest_first: Iterable[RecentEvent],
    at: int,
    facets: tuple[Facet, ...] = (),
    event_types: EventTypes = STANDARD,
    *,
    visitor: str | None = None,
) -> Context:
    """The context of a visitor with these events, by their meaning; the oldest are cut off."""
    kept: list[ContextEvent] = []
    disliked: list[ContextEvent] = []
    against: set[str] = set()
    liked: set[str] = set()
    # A return or a dislike takes back what came before; a later event but a view is interest.
    for item_id, event_type, sent_at, value in newest_first:
        if len(kept) == MAX_CONTEXT_EVENTS:
            break
        if item_id == NOTHING:
            continue
        seen = ContextEvent(item_id, event_types.meaning(event_type), sent_at, value)
        if seen.event_type in _AGAINST:
            # The newest word counts: whoever liked it since, or spoke against it already, is passed
            # over.
            if seen.event_type == DISLIKE and item_id not in liked | against:
                disliked.append(seen)
            against.add(item_id)
        elif item_id not in against:
            kept.append(seen)
            if seen.event_type != VIEW and event_types.knows(seen.event_type):
                liked.add(item_id)
    return Context(tuple(kept), at, None, facets, tuple(disliked), visitor)


def penalties(context: Context, items: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the loss of each item's log score, 0 or less; None for a visitor without dislikes."""
    if not context.disliked:
        return None
    lost: dict[tuple[str, Trait], float] = {}
    liked, disliked = _traits(context.events, context.now), _traits(context.disliked, context.now)
    for (name, trait), against in disliked.items():
        in_favour = liked[name, trait]
        doubt, weight = (_ITEM_DOUBT, _ITEM_WEIGHT) if name == "item" else (_DOUBT, _WEIGHTS[name])
        lost[name, trait] = -weight * log((in_favour + against + doubt) / (in_favour + doubt))
    return np.array([sum(lost.get(one, 0.0) for one in _with_traits(item)) for item in items])


def subtract_dislikes(scores: Scores, context: Context, items: Sequence[str]) -> Scores:
    """Return the scores lowered by dislikes; their sum stays the same."""
    lost = penalties(context, items)
    if lost is None:
        return scores
    left = np.asarray(scores, np.float64) * np.exp(lost)
    total = left.sum()
    if total <= 0:
        return scores
    found: Scores = (left * (float(np.sum(scores)) / total)).astype(np.asarray(scores).dtype)
    return found


def disliked_animals(log: EventLog, visitor: Visitor, context: Context) -> frozenset[str]:
    """The animals that the visitor disliked and has not liked again since."""
    if not context.disliked:
        return frozenset()
    newest: dict[str, str] = {}
    query = HistoryQuery(MAX_CONTEXT_EVENTS, until=context.now + 1)
    for event in standing(logged.event for logged in log.history(visitor, query)):
        meaning = log.event_types.meaning(event.event_type)
        if event.animal_id is not None and meaning != VIEW:
            newest.setdefault(event.animal_id, meaning)
    return frozenset(animal for animal, meaning in newest.items() if meaning == DISLIKE)


def deeds_by_animal(log: EventLog, visitor: Visitor, at: int) -> dict[str, set[str]]:
    """Return the meanings of what the visitor did with each animal, and did not dislike since."""
    found = defaultdict[str, list[str]](list)
    if visitor != Visitor():
        for deed in standing(log.deeds_of(visitor, at, MAX_CONTEXT_EVENTS)):  # newest first
            found[deed.animal_id].append(log.event_types.meaning(deed.event_type))
    # Newest first: what came before a dislike counts no more.
    return {one: {*takewhile(lambda meaning: meaning not in _AGAINST, found[one])} for one in found}


def _traits(seen: Iterable[ContextEvent], now: int) -> Counter[tuple[str, Trait]]:
    found: Counter[tuple[str, Trait]] = Counter()
    for event in seen:
        left = 0.5 ** (max(now - event.time, 0) / (_HALF_LIFE_DAYS * DAY))
        for trait in _with_traits(event.item):
            found[trait] += left
    return found


@lru_cache(maxsize=65_536)
def _with_traits(item: str) -> tuple[tuple[str, Trait], ...]:
    """The item itself, then its traits, if it is an animal group."""
    return ("item", ("", item)), *traits_of(item)
