"""Searches in words, as pages and alerts see them; a wing reads and answers them."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from pawsonalize.engine.serving.animals.available_watch import AvailableAnimalsWatch
from pawsonalize.engine.serving.context import Query, Search


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
