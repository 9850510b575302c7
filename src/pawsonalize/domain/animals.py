"""Animals: individuals that wait for a home, each a member of one animal group."""

from dataclasses import dataclass
from enum import StrEnum

from pawsonalize.domain.groups import AnimalGroup


class AnimalStatus(StrEnum):
    """Only an available animal may be shown."""

    AVAILABLE = "available"
    ADOPTED = "adopted"


@dataclass(frozen=True, slots=True)
class Animal:
    """One animal in a shelter's care.

    `good_with_*` is None when nobody knows, which is not the same as "no". `listed_at` and
    `adopted_at` are milliseconds since 1970.
    """

    animal_id: str
    group: AnimalGroup
    name: str
    shelter: str
    sex: str
    colour: str
    photos: int
    listed_at: int
    good_with_kids: bool | None = None
    good_with_dogs: bool | None = None
    good_with_cats: bool | None = None
    adopted_at: int | None = None

    def status(self, at: int) -> AnimalStatus:
        """Whether the animal could be adopted at that moment."""
        gone = self.adopted_at is not None and self.adopted_at <= at
        return AnimalStatus.ADOPTED if gone else AnimalStatus.AVAILABLE
