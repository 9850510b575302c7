"""Queries, the searches in words that they may carry, and the contexts of visitors.

A context has facets, newest events and dislikes, alike for training, evaluation and serving. A
dislike counts in the very next answer, with any model and also before there is one. For each
trait of animals (species, breed, family, size, age) the log of a score loses

    weight * ln((liked + disliked + doubt) / (liked + doubt))

by the visitor's fading events and dislikes with that trait. So five dislikes of dogs take away more
than half of what all dogs had, and hardly anything after thirty views.
"""

import math
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import takewhile
from math import log
from typing import Any, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.catalogue import Catalogue, Value
from pawsonalize.core.breeds import Trait, family_of, traits_of
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import (
    DISLIKE,
    NOTHING,
    PICKS,
    RETURN,
    STANDARD,
    VIEW,
    EventTypes,
    Visitor,
    digest,
    digest_number,
    standing,
    visitor_key,
)
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import check_between
from pawsonalize.core.preferences import (
    HOUSEHOLD,
    PREFERRED,
    PREFERRED_AT,
    SEPARATOR,
    USER_FACET,
    Preferences,
    WantedValues,
    about_picks,
    contradicts,
)
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import HistoryQuery, RecentEvent
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import Facet, ItemAttributes, Scores
from pawsonalize.recommend.animals.available import AvailableAnimals, AvailableAnimalsWatch
from pawsonalize.recommend.animals.eligibility import ANYBODY, Eligibility
from pawsonalize.recommend.reasons import Reason
from pawsonalize.recommend.tables import Impression
from pawsonalize.resources.filters import AppliedFilter

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
    doubts: NDArray[np.float64]
    """Number of wishes that the animal is not known to fit: fewer go first, whoever asks."""


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


class Reading(msgspec.Struct, frozen=True):
    """One thing that was understood, as a chip shows it."""

    id: str
    """Stays the same for the same words; switches it off."""
    label: str
    words: str


class SearchedAnimals(Search, Protocol):
    """Animals that a search found, and how its words were understood."""

    @property
    def rules(self) -> Sequence[Reading]:
        """Rules that hold."""

    @property
    def understood(self) -> Sequence[Reading]:
        """Evidence, which excludes nobody."""

    def given_up(self, animal_ids: Sequence[str]) -> Sequence[Reading]:
        """Rules that one of these animals contradicts."""

    @property
    def rest(self) -> str:
        """The words that were compared with names and descriptions."""

    @property
    def suggestion(self) -> str | None:
        """The words without typing errors, if there were any; these were searched for."""

    @property
    def total(self) -> int:
        """Number of places that are found by the rules of the query too."""

    @property
    def is_unsure(self) -> bool:
        """True if for some of them nobody knows if they fit a rule."""

    @property
    def household(self) -> Sequence[str]:
        """Members of the household, by the words: kids, dogs and cats."""

    def apply(self, query: Query) -> Query:
        """The query with this search, and its household."""


class AnimalSearches(Protocol):
    """Searches the available animals by words."""

    def find(
        self,
        watch: AvailableAnimalsWatch,
        query: Query,
        text: str,
        without: Collection[str] = (),
        *,
        as_written: bool = False,
    ) -> SearchedAnimals:
        """Find animals by a text, without the readings of these ids."""

    def suggestions(self, watch: AvailableAnimalsWatch, now: int) -> list[str]:
        """Words to search for, the most useful first."""


_GROUP_ATTRIBUTES = ("species", "breed", "size", "age", "family")
_OF_THE_ID = frozenset({"ANIMAL_TYPE", "ANIMAL_BREED", "ANIMAL_SIZE", "ANIMAL_AGE"})
_MAX_VALUES = 16  # of one attribute of one item
Columns = dict[str, list[list[str]]]
_CONTEXT = "context."
DEVICE, DISTANCE = _CONTEXT + "DEVICE", _CONTEXT + "DISTANCE"
_BANDS = (5.0, 15.0, 40.0, 100.0)  # km: the quarter, the town, the region, a day trip
_MAX_VALUE_CHARS = 64
_OWN_COLUMNS = frozenset({"EVENT_TYPE", "RECOMMENDATION_ID", "IMPRESSION"})
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_DECODE = msgspec.json.Decoder(dict[str, Any]).decode


# One path for training, evaluation and serving, so that a name means the same in all of them.
def item_attributes(item_ids: Sequence[str], catalogue: Catalogue) -> ItemAttributes:
    """Describe the items: animal groups by their ids, all items by the Items dataset."""
    described: dict[str, Mapping[str, Value]] = {}
    if names := categorical(catalogue.schema(DatasetType.ITEMS)):
        described = {item.item_id: item.attributes for item in catalogue.items()}
    rows = {
        name: [values_of(described.get(item_id, {}).get(name)) for item_id in item_ids]
        for name in names
    }
    return code_attributes(item_ids, rows)


def code_attributes(
    item_ids: Sequence[str], described: Mapping[str, list[list[str]]]
) -> ItemAttributes:
    """Return the attributes that each item has by its id, and those of `described`, as codes.

    `described` has the values of every item, in the order of the ids, for each attribute's name.
    """
    groups = [AnimalGroup.parse(item_id) for item_id in item_ids]
    are_groups = any(groups)
    # Columns that repeat species, breed, size and age of the ids are left out.
    rows = {
        name: values
        for name, values in described.items()
        if not (are_groups and name in _OF_THE_ID)
    }
    columns: Columns = {}
    if are_groups or not rows:
        for name in _GROUP_ATTRIBUTES:
            values = (None if group is None else _value_of(group, name) for group in groups)
            columns[name] = [[] if value is None else [value] for value in values]
    return _coded(columns | rows, len(item_ids))


def _value_of(group: AnimalGroup, name: str) -> str | None:
    if name == "family":  # an unknown breed has none
        return family_of(group.species, group.breed)
    return str(getattr(group, name))


def categorical(schema: Schema | None) -> list[str]:
    """The names of the schema's categorical columns, without the ids."""
    fields = () if schema is None else schema.fields
    return [f.name for f in fields if f.categorical and f.name not in {"ITEM_ID", "USER_ID"}]


def values_of(value: Value) -> list[str]:
    """The values of a categorical column, each once: `a|b` has two."""
    if value is None:
        return []
    text = f"{value:g}" if isinstance(value, float) else str(value)
    parts = (part.strip() for part in text.split(SEPARATOR))
    return list(dict.fromkeys(part for part in parts if part))[:_MAX_VALUES]


def _coded(columns: Columns, n_items: int) -> ItemAttributes:
    coded: list[tuple[str, tuple[str, ...], list[int]]] = []
    for name, rows in columns.items():
        code: dict[str, int] = {}
        found = [[code.setdefault(value, len(code)) for value in row] for row in rows]
        for place in range(max(map(len, found), default=0) or 1):
            codes_at = [row[place] if place < len(row) else -1 for row in found]
            coded.append((name, tuple(code), codes_at))
    codes = np.array([codes for _, _, codes in coded], np.int32).reshape(len(coded), n_items)
    return ItemAttributes(
        tuple(name for name, _, _ in coded),
        tuple(values for _, values, _ in coded),
        np.ascontiguousarray(codes.T),
    )


class FacetReader(msgspec.Struct, frozen=True):
    """Reads facets: values of the datasets' categorical columns, and of a few of our own."""

    # Names count without case and `_`: `deviceKind` and `DEVICE_KIND` are the same.

    context: Mapping[str, str]
    user: frozenset[str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> "FacetReader":
        """A reader for the schemas as they are now."""
        columns = (*categorical(catalogue.schema(DatasetType.INTERACTIONS)), "DEVICE")
        users = categorical(catalogue.schema(DatasetType.USERS))
        shows = catalogue.shows  # some columns are read without a schema
        return cls(
            {
                _plain(name): _CONTEXT + name
                for name in columns
                if name not in _OWN_COLUMNS and shows(DatasetType.INTERACTIONS, name)
            },
            frozenset(
                name for name in (*users, *PREFERRED, *HOUSEHOLD) if shows(DatasetType.USERS, name)
            ),
        )

    @classmethod
    def restrict_to(cls, names: Iterable[str]) -> "FacetReader":
        """A reader of these facets only, for a model that knows them."""
        context = [name for name in names if name.startswith(_CONTEXT)]
        return cls(
            {_plain(name.removeprefix(_CONTEXT)): name for name in context},
            frozenset(n.removeprefix(USER_FACET) for n in names if n.startswith(USER_FACET)),
        )

    def of_context(self, given: Mapping[str, object]) -> Iterator[Facet]:
        """The facets of a request's context or an event's properties; the rest is ignored."""
        for name, value in given.items():
            plain = _plain(name)
            if plain == "DISTANCEKM":
                yield from _distance(value)
            elif plain in self.context and isinstance(value, str | int | float):
                for one in values_of(value)[:1]:
                    yield self.context[plain], one[:_MAX_VALUE_CHARS].lower()

    def of_properties(self, properties: str | None) -> Iterator[Facet]:
        """The same of the JSON text that an event is stored with."""
        if properties is not None:
            yield from self.of_context(_DECODE(properties))

    def of_user(self, attributes: Mapping[str, Value]) -> Iterator[Facet]:
        """The facets of a user's stored attributes."""
        for name, value in attributes.items():
            if name in self.user:
                for one in values_of(value):
                    yield USER_FACET + name, one[:_MAX_VALUE_CHARS]


def as_properties(facets: Iterable[Facet]) -> str | None:
    """The properties of an event in which a reader finds these facets again."""
    properties: dict[str, str | float] = {}
    for name, value in facets:
        if name == DISTANCE:
            # Read again, the lower end of a band is in that band.
            properties["DISTANCE_KM"] = (0.0, *_BANDS)[int(value)]
        else:
            properties[name.removeprefix(_CONTEXT)] = value
    return _ENCODE(properties).decode() if properties else None


def of_preferences(preferences: Preferences) -> Iterator[Facet]:
    """The facets of the quiz's answers."""
    for name, value in preferences.attributes().items():
        for one in values_of(value):
            yield USER_FACET + name, one


def _plain(name: str) -> str:
    return name.upper().replace("_", "")


def _distance(value: object) -> Iterator[Facet]:
    try:
        distance = float(value)  # type: ignore[arg-type]  # whatever it is, it is tried
    except (TypeError, ValueError):
        return
    if distance >= 0:  # and not NaN
        yield DISTANCE, str(bisect_right(_BANDS, distance))


MAX_CONTEXT_EVENTS = 200  # older events say nothing more in any recipe
THE_ANIMAL = 3.0  # loss of a disliked animal in addition to its group's, as a log
_AGAINST = frozenset({RETURN, DISLIKE})
_WEIGHTS = {"species": 1.0, "breed": 0.5, "family": 0.5, "size": 0.25, "age": 0.25}
_DOUBT = 4.0  # imagined events with the trait, added for every visitor
_ITEM_WEIGHT, _ITEM_DOUBT = 1.5, 0.25
_HALF_LIFE_DAYS = 90.0


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
    number = digest_number(digest(visitor_key(visitor.user_id, visitor.session_id)))
    return replace(context, picked=picked, wishes=wishes, digest=number)


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
    return contradicts(those, item_id, sent_at)


def build_context(
    newest_first: Iterable[RecentEvent],
    at: int,
    facets: tuple[Facet, ...] = (),
    event_types: EventTypes = STANDARD,
    *,
    visitor: str | None = None,
    most: int = MAX_CONTEXT_EVENTS,
) -> Context:
    """The context of a visitor with these events, by their meaning; the oldest are cut off."""
    kept: list[ContextEvent] = []
    disliked: list[ContextEvent] = []
    against: set[str] = set()
    liked: set[str] = set()
    # A return or a dislike takes back what came before; a later event but a view is interest.
    for item_id, event_type, sent_at, value in newest_first:
        if len(kept) == most:
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


def interactions_by_animal(log: EventLog, visitor: Visitor, at: int) -> dict[str, set[str]]:
    """Return the meanings of what the visitor did with each animal, and did not dislike since."""
    found = defaultdict[str, list[str]](list)
    if visitor != Visitor():
        for interaction in standing(
            log.interactions_of(visitor, at, MAX_CONTEXT_EVENTS)
        ):  # newest first
            found[interaction.animal_id].append(log.event_types.meaning(interaction.event_type))
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
