"""What a visitor is looking for: the answers to a short quiz, a first profile before any event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

USER_FACET: Final = "user."
"""What names of facets begin with that are stored with the user."""

PREFERRED: Final[Mapping[str, str]] = {
    "PREFERRED_SPECIES": "species",
    "PREFERRED_SIZE": "size",
    "PREFERRED_AGE": "age",
}
"""User attributes that say which animals are wanted, and the animals' attribute each is about."""

HOUSEHOLD: Final = ("KIDS", "DOGS", "CATS")
"""User attributes that say with whom the visitor lives, `yes` or `no`."""

SEPARATOR: Final = "|"
"""Between several values of one attribute, as in Amazon Personalize."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """The answers; attribute ids of the animals wanted, and with whom the visitor lives.

    An empty list or None is a question that was not answered.
    """

    species: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    age: tuple[str, ...] = ()
    kids: bool | None = None
    dogs: bool | None = None
    cats: bool | None = None

    def attributes(self) -> dict[str, str]:
        """The answers as user attributes, in which form they are stored."""
        wanted = zip(PREFERRED, (self.species, self.size, self.age), strict=True)
        household = zip(HOUSEHOLD, (self.kids, self.dogs, self.cats), strict=True)
        return {
            **{name: SEPARATOR.join(values) for name, values in wanted if values},
            **{name: "yes" if answer else "no" for name, answer in household if answer is not None},
        }
