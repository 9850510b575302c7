"""Cards: an animal in the words and the picture that pages show."""

import zlib
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import DAY
from pawsonalize.ui import words
from pawsonalize.ui.portraits import Portrait
from pawsonalize.ui.rendering import path_of

_TINTS = 6
_LONG_WAIT_DAYS = 60


@dataclass(frozen=True, slots=True)
class AnimalCard:
    """One animal as shown, with the answer it came from and whether the visitor likes it."""

    animal: Animal
    group: AnimalGroup
    days: int
    recommendation_id: str | None = None
    favourite: bool = False

    @classmethod
    def of(
        cls, animal: Animal, now: int, recommendation_id: str | None, favourites: frozenset[str]
    ) -> "AnimalCard":
        """The card of an animal as of now."""
        days = (now - animal.listed_at) // DAY
        liked = animal.animal_id in favourites
        return cls(animal, animal.group_at(now), days, recommendation_id, liked)

    @property
    def path(self) -> str:
        """The animal's page, which remembers the answer that led there."""
        source = {"from": self.recommendation_id} if self.recommendation_id else {}
        return path_of(self.animal.animal_id) + (f"?{urlencode(source)}" if source else "")

    @property
    def portrait(self) -> str:
        """The picture's address."""
        return Portrait.of(self.animal, self.group).path

    @property
    def tint(self) -> int:
        """Which background it stands on."""
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
    def waits_long(self) -> bool:
        """Whether the wait deserves a second look."""
        return self.days >= _LONG_WAIT_DAYS

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
        """What an event about this animal says of it."""
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
