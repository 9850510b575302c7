"""Queries, and the searches in words that they may carry."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.catalogue import Catalogue, Value
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.core.limits import check_between
from pawsonalize.core.preferences import Preferences
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
