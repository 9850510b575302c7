"""Animal groups, `species-breed-size-age`: the items of models, since an individual leaves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pawsonalize.core.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.limits import parse_id

_MEANINGS: Mapping[str, Mapping[str, str]] = {
    "animal_species_id": SPECIES_NAMES,
    "animal_size_id": SIZE_NAMES,
    "animal_age_id": AGE_NAMES,
}
_NOT_KNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AnimalGroup:
    """Four non-empty attribute ids, the item of a model. Only `breed` may contain `-`."""

    species: str
    breed: str
    size: str
    age: str

    @property
    def id(self) -> str:
        """The item id, `species-breed-size-age`."""
        return f"{self.species}-{self.breed}-{self.size}-{self.age}"

    @property
    def metadata(self) -> dict[str, str]:
        """The four ids by their names in events and answers."""
        return {
            "animal_species_id": self.species,
            "animal_primary_breed_id": self.breed,
            "animal_size_id": self.size,
            "animal_age_id": self.age,
        }

    def warnings(self) -> Iterator[tuple[str, str]]:
        """Yield the name of each attribute whose id has no meaning, and what to write instead."""
        for name, meanings in _MEANINGS.items():
            if (given := self.metadata[name]) not in {*meanings, _NOT_KNOWN}:
                ids = ", ".join(f"{id_} ({word})" for id_, word in meanings.items())
                yield (
                    f"animalMetadata.{name}",
                    f"{name} {given!r} has no meaning, so its group is like no other: send {ids}"
                    f" or {_NOT_KNOWN}",
                )

    @classmethod
    def of(cls, species: object, breed: object, size: object, age: object) -> "AnimalGroup":
        """Build from raw attribute ids (strings or integers); InvalidInput names a bad one."""
        group = cls(
            species=_part(species, "animalMetadata.animal_species_id"),
            breed=parse_id(breed, "animalMetadata.animal_primary_breed_id"),
            size=_part(size, "animalMetadata.animal_size_id"),
            age=_part(age, "animalMetadata.animal_age_id"),
        )
        parse_id(group.id, "animalMetadata")
        return group

    @classmethod
    def parse(cls, item_id: str) -> "AnimalGroup | None":
        """Read an item id back; None when it is not of the form `species-breed-size-age`."""
        species, _, rest = item_id.partition("-")
        # A breed may contain `-`: it is what the others leave.
        pieces = rest.rsplit("-", 2)
        if len(pieces) != 3 or not species or not all(pieces):
            return None
        return cls(species, *pieces)


def _part(value: object, field: str) -> str:
    text = parse_id(value, field)
    if "-" in text:
        raise InvalidInput(f"{field} must not contain '-'; only a breed may", field=field)
    return text
