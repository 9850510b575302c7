"""Preferences: a visitor's answers to a short quiz, a first profile before any event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pawsonalize.core.groups import AnimalGroup

USER_FACET: Final = "user."
"""Prefix of facets that are stored with the user."""

PREFERRED: Final[Mapping[str, str]] = {
    "PREFERRED_SPECIES": "species",
    "PREFERRED_SIZE": "size",
    "PREFERRED_AGE": "age",
}
"""User attributes that say which animals are wanted, and the animals' attribute each is about."""

HOUSEHOLD: Final = ("KIDS", "DOGS", "CATS")
"""User attributes that say with whom the visitor lives, `yes` or `no`."""

PREFERRED_AT: Final = "PREFERRED_AT"
"""The user attribute that says when the answers were given, in milliseconds since 1970."""

SEPARATOR: Final = "|"
"""Between several values of one attribute, as in Amazon Personalize."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Answers of a quiz: wanted attribute ids and the household; empty or None is no answer."""

    species: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    age: tuple[str, ...] = ()
    kids: bool | None = None
    dogs: bool | None = None
    cats: bool | None = None
    stated_at: int | None = field(default=None, compare=False)
    """Moment of the answers, in milliseconds since 1970; None: now."""

    def attributes(self) -> dict[str, str]:
        """The answers as user attributes, in which form they are stored."""
        wanted = zip(PREFERRED, (self.species, self.size, self.age), strict=True)
        household = zip(HOUSEHOLD, (self.kids, self.dogs, self.cats), strict=True)
        return {
            **{name: SEPARATOR.join(values) for name, values in wanted if values},
            **{name: "yes" if answer else "no" for name, answer in household if answer is not None},
        }

    def wishes(self, at: int) -> "tuple[WantedValues, ...]":
        """Return the stated preferences by attribute; answers without a moment are of `at`."""
        dated = self.stated_at is not None
        stated_at = at if self.stated_at is None else self.stated_at
        wanted = zip(PREFERRED.values(), (self.species, self.size, self.age), strict=True)
        given = ((name, frozenset(ids)) for name, ids in wanted if ids)
        return tuple(WantedValues(name, values, stated_at, dated) for name, values in given)


NO_WISHES = Preferences()


@dataclass(frozen=True, slots=True)
class WantedValues:
    """Wanted values of an attribute, and since when (milliseconds since 1970)."""

    attribute: str
    values: frozenset[str]
    stated_at: int
    is_dated: bool = True
    """False if the answers had no moment of their own; see `about_picks`."""

    def repeats(self, stored: "WantedValues") -> bool:
        """True if it has the attribute and values of the stored one, and no moment of its own."""
        same = self.attribute == stored.attribute and self.values == stored.values
        return same and not self.is_dated

    def contradicts(self, group: AnimalGroup, sent_at: int) -> bool:
        """True if it was stated after an event of the group, and the group lacks the values."""
        value = getattr(group, self.attribute)
        # What nobody knows speaks against nothing.
        return sent_at <= self.stated_at and value not in self.values and value != "unknown"


def about_picks(wishes: Iterable[WantedValues]) -> tuple[WantedValues, ...]:
    """The stated preferences that may withdraw a pick: those with a moment of their own."""
    # A pick is an answer as well. Clients send stored answers with each question, and what was
    # picked meanwhile would never count.
    return tuple(wish for wish in wishes if wish.is_dated)


def contradicts(wishes: Iterable[WantedValues], item_id: str, sent_at: int) -> bool:
    """True if a preference was stated after an event of the item, and contradicts it."""
    group = AnimalGroup.parse(item_id)
    return group is not None and any(wish.contradicts(group, sent_at) for wish in wishes)
