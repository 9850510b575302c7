"""The inventory's port: individual animals, when they were available, and how many are.

Every method may raise StorageUnavailable. Moments are milliseconds since 1970.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.statuses import AnimalStatus

# What the animals of these ids are now, to what is to be written of them.
Change = Callable[[Mapping[str, Animal]], Iterable[Animal]]


@dataclass(frozen=True, slots=True)
class AnimalQuery:
    """Which animals, in order of their ids: those after `after` that fit all that is given."""

    limit: int
    after: str | None = None
    status: AnimalStatus | None = None
    source: str | None = None
    shelter: str | None = None
    species: str | None = None


class Animals(Protocol):
    """The individual animals. What the stays before a change were, no later change alters."""

    def update(self, animal_ids: Collection[str], change: Change, at: int) -> None:
        """Read the animals, let `change` say what they become, and write that: one transaction.

        Nobody writes an animal in between. What `change` raises leaves everything as it is.
        """
        ...

    def put(self, animals: Sequence[Animal], at: int) -> None:
        """Insert or replace, in one transaction; the last of equal ids wins."""
        ...

    def remove(self, animal_ids: Collection[str], at: int) -> int:
        """Forget animals and their stays, and return how many there were."""
        ...

    def get(self, animal_id: str) -> Animal | None:
        """One animal, or None."""
        ...

    def get_many(self, animal_ids: Collection[str]) -> dict[str, Animal]:
        """Those of the animals that are known, by id."""
        ...

    def page(self, query: AnimalQuery) -> list[Animal]:
        """Animals in order of their ids."""
        ...

    def listed(self, source: str) -> set[str]:
        """The ids of a source's animals that are neither adopted nor removed."""
        ...

    def available(self, at: int, limit: int) -> list[Animal]:
        """Animals that wait at that moment, longest wait first."""
        ...

    def available_among(self, animal_ids: Collection[str], at: int) -> dict[str, list[Animal]]:
        """Those of the animals that wait at that moment, by their item, longest wait first."""
        ...

    def available_of(self, item_ids: Collection[str], at: int) -> dict[str, list[Animal]]:
        """Those of each item that wait at that moment, longest wait first."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer of animals that led to something: what its places' utilities were made of.

    `factors` has for each place how much its group was liked, then its factors without their
    weights; `chosen` is the place whose animal it led to.
    """

    factors: tuple[tuple[float, ...], ...]
    chosen: int


class AnimalExposures(Protocol):
    """How often each animal was shown: in answers of animals, and as events reported."""

    def of(self, animal_ids: Collection[str]) -> dict[str, int]:
        """How often each of them was; who never was is left out."""
        ...

    def changed(self, after: int) -> tuple[dict[str, int], int]:
        """How often those were that were counted after a moment, and the newest such moment."""
        ...

    def choices(self, meanings: Collection[str], limit: int) -> list[Choice]:
        """What the newest events that mean one of these say of the answers that led to them."""
        ...


@dataclass(frozen=True, slots=True)
class Revision:
    """How often the supply was changed, and the latest moment from which a change counts."""

    number: int
    at: int


class Supply(Protocol):
    """How many animals of each item are available, and what of that changed."""

    def revision(self) -> Revision:
        """Of the newest change that is committed: cheap enough to ask with every answer."""
        ...

    def count(self, at: int, item_ids: Collection[str] | None = None) -> dict[str, int]:
        """Available animals at that moment, of the items or of all; none, no entry."""
        ...

    def changed(self, after: Revision, since: int, at: int) -> set[str]:
        """Items whose supply at `at` may be another than it was, after that revision, at `since`.

        By changes of animals and by time: birthdays and moments of publication.
        """
        ...

    def changed_animals(self, after: Revision, since: int, at: int) -> set[str]:
        """Animals whose record, or whether they wait, may be another than after that revision.

        As `changed`; the forgotten are among them.
        """
        ...

    def next_change(self, at: int) -> int | None:
        """The first moment after `at` at which time alone changes a supply, as far as is known."""
        ...
