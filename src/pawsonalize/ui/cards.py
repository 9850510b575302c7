"""Cards: an animal in the words and the picture that pages show."""

import zlib
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.times import iso
from pawsonalize.ui import words
from pawsonalize.ui.ordering import Shown
from pawsonalize.ui.portraits import Portrait
from pawsonalize.ui.rendering import path_of

_TINTS = 6
_WEB = ("https://", "http://")
_GONE = {
    AnimalStatus.ADOPTED: "has found a home",
    AnimalStatus.PENDING: "may have found a home",
    AnimalStatus.HOLD: "cannot be adopted yet",
    AnimalStatus.RETURNED: "cannot be adopted yet",
}
_LONG_WAIT_DAYS = 60


@dataclass(frozen=True, slots=True)
class AnimalCard:
    """One animal as shown, with the answer it came from and whether the visitor likes it."""

    animal: Animal
    group: AnimalGroup
    days: int
    recommendation_id: str | None = None
    favourite: bool = False
    shown: Shown | None = None
    """Its place in an answer."""

    @classmethod
    def of(
        cls,
        animal: Animal,
        now: int,
        recommendation_id: str | None,
        favourites: frozenset[str],
        shown: Shown | None = None,
    ) -> "AnimalCard":
        """The card of an animal as of now."""
        days = animal.waiting_days(now)
        liked = animal.animal_id in favourites
        return cls(animal, animal.group_at(now), days, recommendation_id, liked, shown)

    @property
    def name(self) -> str:
        """Name of the animal; some have none."""
        return self.animal.name or f"A {words.SPECIES.get(self.group.species, 'friend')}"

    @property
    def together(self) -> tuple[str, ...]:
        """The names of those who go home with it."""
        return () if self.shown is None else tuple(one.name for one in self.shown.together)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons for its place, without what the card says anyway."""
        if self.shown is None:
            return ()
        stated = {f"waiting {self.waiting}", self.distance}
        return tuple(reason for reason in self.shown.reasons if reason not in stated)

    @property
    def distance(self) -> str:
        """Distance from the visitor; empty if it is not known."""
        far = None if self.shown is None else self.shown.kilometres
        return "" if far is None else f"{far:.0f} km away"

    @property
    def path(self) -> str:
        """The animal's page, which remembers the answer that led there."""
        source = {"from": self.recommendation_id} if self.recommendation_id else {}
        return path_of(self.animal.animal_id) + (f"?{urlencode(source)}" if source else "")

    @property
    def photo(self) -> str:
        """The address of its first photo; empty without one."""
        return next((one for one in self.animal.photos if one.startswith(_WEB)), "")

    @property
    def portrait(self) -> str:
        """The address of its drawing."""
        return Portrait.of(self.animal, self.group).path

    @property
    def toggle(self) -> str:
        """Action of its heart: it takes back what it did."""
        return "unfavorite" if self.favourite else "favorite"

    @property
    def toggled(self) -> str:
        """Words of the page after that action."""
        now = "is no longer in" if self.favourite else "is in"
        return f"{self.name} {now} your favourites."

    @property
    def tint(self) -> int:
        """Background of the card."""
        return zlib.crc32(self.animal.name.encode()) % _TINTS

    @property
    def breed(self) -> str:
        """The breed in words."""
        return words.breed(self.group.breed)

    @property
    def age_and_size(self) -> str:
        """Age and size in words."""
        return words.age_and_size(self.group)

    @property
    def coat(self) -> str:
        """Its colours in words."""
        return words.coat(self.animal.colours)

    @property
    def waiting(self) -> str:
        """The wait in words."""
        return words.waiting(self.days)

    @property
    def first_came_in(self) -> str:
        """The day on which it first came in, if its wait began later."""
        first = self.animal.first_listed_at
        return iso(first)[:10] if first < self.animal.listed_at else ""

    @property
    def waits_long(self) -> bool:
        """Whether the wait deserves a second look."""
        return self.days >= _LONG_WAIT_DAYS

    @property
    def gone(self) -> str:
        """Words for an animal that is not available; empty for the others."""
        return _GONE.get(self.animal.status, "")

    @property
    def good_with(self) -> tuple[tuple[str, str], ...]:
        """With whom the animal gets along."""
        animal = self.animal
        known = (
            ("Kids", animal.good_with_kids),
            ("Dogs", animal.good_with_dogs),
            ("Cats", animal.good_with_cats),
        )
        return tuple((who, words.good_with(answer)) for who, answer in known)

    def event(self) -> dict[str, object]:
        """Event about this animal, as the page sends it."""
        group = self.group
        metadata = {
            "animal_species_id": group.species,
            "animal_primary_breed_id": group.breed,
            "animal_size_id": group.size,
            "animal_age_id": group.age,
        }
        body: dict[str, object] = {
            "animal_id": self.animal.animal_id,
            "animalMetadata": metadata,
        }
        return body | (
            {"recommendationId": self.recommendation_id} if self.recommendation_id else {}
        )

    def event_json(self) -> str:
        """The same for the script."""
        return msgspec.json.encode(self.event()).decode()
