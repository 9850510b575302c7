"""A mapping file: what the values of one shelter mean.

    breed:
      "DOMESTIC SH": Domestic Short Hair
    species:
      "OTHER / HEDGEHOG, AFRICAN": small animal

Case and spaces do not count. A species may stand with its breed. A value without a meaning is left
as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import yaml

from pawsonalize.domain.animals import UNKNOWN
from pawsonalize.domain.attributes import (
    AGE_NAMES,
    DOG,
    FEMALE,
    MALE,
    SIZE_NAMES,
    SPECIES_NAMES,
    GoodWith,
    species_id,
)
from pawsonalize.domain.breeds import FAMILIES, UNKNOWN_BREED, find_breed
from pawsonalize.domain.errors import AlreadyExists, InvalidInput
from pawsonalize.domain.limits import MAX_ID_LENGTH
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.times import LATEST
from pawsonalize.engine.ingest.animal_form import FIELDS, AnimalForm
from pawsonalize.engine.ingest.listings import (
    read_known,
    unrecognised,
    written_species,
)
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource

Unrecognised = Mapping[str, Mapping[str, int]]
"""By the field and the value as it is written: how many rows have it."""

MEANINGS: Mapping[str, Iterable[str]] = {
    "species": SPECIES_NAMES.values(),
    "breed": sorted({breed.replace("_", " ") for _, breed in FAMILIES} | {UNKNOWN_BREED}),
    "size": (*SIZE_NAMES.values(), UNKNOWN),
    "age": (*AGE_NAMES.values(), UNKNOWN),
    "sex": (MALE, FEMALE, UNKNOWN),
    "status": tuple(AnimalStatus),
    "outcome": (AnimalStatus.ADOPTED, AnimalStatus.REMOVED),
    **dict.fromkeys(("mixed", "altered", "houseTrained", "specialNeeds"), ("yes", "no", UNKNOWN)),
    **dict.fromkeys(("goodWithKids", "goodWithDogs", "goodWithCats"), tuple(GoodWith)),
    "birthDate": ("2024-05-17",),
    "fee": ("85",),
}
"""The meanings that the values of each field may have, or examples of them."""
_FREE = frozenset({"breed", "birthDate", "fee"})
_DOG = AnimalForm(id="a", species=DOG)


@dataclass(frozen=True, slots=True)
class ValueMapping:
    """Meanings by field and by value, in one spelling."""

    meanings: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, path: Path) -> "ValueMapping":
        """Read a mapping file; InvalidInput names what is wrong, and where."""
        try:
            told = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  # all text
        except OSError as error:
            raise InvalidInput(
                f"cannot read the mapping {path}: {error.strerror}", field="map"
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InvalidInput(f"the mapping {path} is not YAML: {error}", field="map") from error
        return cls.of(told or {})

    @classmethod
    def of(cls, told: Any) -> "ValueMapping":
        """Check what such a file holds."""
        if not isinstance(told, dict) or not all(isinstance(one, dict) for one in told.values()):
            raise InvalidInput("a mapping has a field, and below it `value: meaning`", field="map")
        for field, meanings in told.items():
            if field not in MEANINGS:
                raise InvalidInput(
                    f"a mapping has no field {field!r}: there are {', '.join(MEANINGS)}",
                    field="map",
                )
            for value, meaning in meanings.items():
                _check(field, value, meaning)
        return cls.checked(told)

    @classmethod
    def checked(cls, told: Mapping[str, Mapping[str, str]]) -> "ValueMapping":
        """What was checked when it was stored."""
        return cls(
            {
                field: {_key(value): meaning for value, meaning in meanings.items() if meaning}
                for field, meanings in told.items()
            }
        )

    def over(self, other: "ValueMapping") -> "ValueMapping":
        """Both together; where they differ, this one counts."""
        fields = {**other.meanings, **self.meanings}
        return ValueMapping(
            {
                field: {**other.meanings.get(field, {}), **self.meanings.get(field, {})}
                for field in fields
            }
        )

    def says(self, field: str, value: str) -> str | None:
        """The meaning of a value as it is written; None if it has none here."""
        return self.meanings.get(field, {}).get(_key(value))

    def applied(self, form: AnimalForm) -> AnimalForm:
        """The form with the meanings in place of the values."""
        changed = {
            FIELDS[name]: self._meaning(name, getattr(form, FIELDS[name])) for name in self.meanings
        }
        if "species" in changed:
            changed["species"] = self._meaning("species", written_species(form), form.species)
        if "breed" in changed:
            changed["secondary_breed"] = self._meaning("breed", form.secondary_breed)
        return msgspec.structs.replace(form, **changed)

    def _meaning(self, field: str, *values: str | float | None) -> str | float | None:
        """The meaning of the first value that has one; else the last value as it is."""
        known = (
            self.meanings[field].get(_key(str(value))) for value in values if value is not None
        )
        return next(filter(None, known), values[-1])


NO_MAPPING = ValueMapping({})


def skeleton(values: Unrecognised) -> str:
    """A mapping file with these values, for you to fill in what they mean."""
    lines = ["# What the values of this source mean. Write the meaning after the colon; a value"]
    lines += ["# without one is left as it is. Import again with --map and this file."]
    for field in MEANINGS:
        if not values.get(field):
            continue
        some = ", ".join(list(MEANINGS[field])[:8])
        lines += ["", f"# {'Such as' if field in _FREE else 'One of'} {some}", f"{field}:"]
        for value, rows in sorted(values[field].items(), key=lambda one: (-one[1], one[0])):
            lines.append(f"  {msgspec.json.encode(value).decode()}:  # rows: {rows}")
    return "\n".join(lines) + "\n"


def _check(field: str, value: str, meaning: Any) -> None:
    if isinstance(meaning, str) and (not meaning or _is_known(field, meaning)):
        return
    known = list(MEANINGS[field])
    near = get_close_matches(str(meaning), known, 1) or ([] if field == "breed" else known)
    way = f": write {', '.join(near)}" if near else ": docs/how-to/send-your-inventory.md has names"
    raise InvalidInput(
        f"the mapping says {field} {value!r} is {meaning!r}, which is no {field} we know{way}",
        field="map",
    )


def _is_known(field: str, meaning: str) -> bool:
    if field == "breed":
        plain = meaning.replace("_", " ")
        return plain == UNKNOWN_BREED or any(find_breed(one, plain) for one in SPECIES_NAMES)
    if field == "species":
        return species_id(meaning) in SPECIES_NAMES
    form = msgspec.structs.replace(_DOG, **{FIELDS[field]: meaning})
    unknown = list(unrecognised(form))
    read_known(form, LATEST, unknown)
    return not unknown


def _key(value: str) -> str:
    return " ".join(value.split()).casefold()


_LONGEST = 2 * MAX_ID_LENGTH + len(" / ")  # a species with its breed
_MOST = 2_000  # values of one source: what has more is no list of words


class SourceMeanings(Resource, frozen=True, kw_only=True):
    """The meanings of one source's values, by field and by value."""

    kind: ClassVar[str] = "source meanings"

    source: str
    meanings: Mapping[str, Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Meanings:
    """Stores meanings. They count at the next import of the source, and make a feed due."""

    registry: Registry

    def of(self, source: str) -> Mapping[str, Mapping[str, str]]:
        """The meanings of a source's values, by field and by value."""
        found = self.registry.find(SourceMeanings, _name(source))
        return {} if found is None else found.meanings

    def all(self) -> Iterator[SourceMeanings]:
        """The meanings of every source."""
        return self.registry.all(SourceMeanings)

    def mapping(self, source: str, own: ValueMapping = NO_MAPPING) -> ValueMapping:
        """Return the meanings of a source's values; where `own` has others, those count."""
        return own.over(ValueMapping.checked(self.of(source)))

    def say(self, source: str, field: str, value: str, meaning: str, now: int) -> None:
        """Store what a value means; without a meaning, forget what was stored.

        InvalidInput if there is no such field, or no such meaning of it.
        """
        if not value.strip() or len(value) > 2 * MAX_ID_LENGTH:
            raise InvalidInput(
                f"value must have 1 to {2 * MAX_ID_LENGTH} characters, not {len(value)}",
                field="value",
            )
        ValueMapping.of({field: {value: meaning}})
        name = _name(source)
        if self.registry.find(SourceMeanings, name) is None:
            with suppress(AlreadyExists):  # somebody else was faster
                self.registry.create(SourceMeanings(name=name, source=source), now)
        self.registry.change(
            SourceMeanings, name, lambda one: _changed(one, field, value, meaning), now
        )


def _changed(stored: SourceMeanings, field: str, value: str, meaning: str) -> SourceMeanings:
    meanings = {name: dict(some) for name, some in stored.meanings.items()}
    values = meanings.setdefault(field, {})
    values.pop(value, None)
    if meaning:
        values[value] = meaning
    if sum(map(len, meanings.values())) > _MOST:
        raise InvalidInput(
            f"a source may have {_MOST:,} values with a meaning: write a mapping file for more",
            field="value",
        )
    kept = {name: some for name, some in meanings.items() if some}
    return msgspec.structs.replace(stored, meanings=kept)


def _name(source: str) -> str:
    """A source may be called anything, a resource may not."""
    return blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
