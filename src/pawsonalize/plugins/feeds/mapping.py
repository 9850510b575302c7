"""A mapping file: what the values of one shelter mean.

    breed:
      "DOMESTIC SH": Domestic Short Hair
    species:
      "OTHER / HEDGEHOG, AFRICAN": small animal

Case and spaces do not count. A species may stand with its breed. A value without a meaning is left
as it is.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from pawsonalize.animals.animal import UNKNOWN, AnimalStatus
from pawsonalize.animals.listings import (
    FIELDS,
    AnimalForm,
    read_known,
    unrecognised,
    written_species,
)
from pawsonalize.core import attributes
from pawsonalize.core.breeds import FAMILIES, UNKNOWN_BREED, find_breed
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.limits import MAX_ID_LENGTH
from pawsonalize.core.times import LATEST
from pawsonalize.plugins.feeds.rows import read_yaml
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry

Unrecognised = Mapping[str, Mapping[str, int]]
"""By the field and the value as it is written: how many rows have it."""

MEANINGS: Mapping[str, Iterable[str]] = {
    "species": attributes.SPECIES_NAMES.values(),
    "breed": sorted({breed.replace("_", " ") for _, breed in FAMILIES} | {UNKNOWN_BREED}),
    "size": (*attributes.SIZE_NAMES.values(), UNKNOWN),
    "age": (*attributes.AGE_NAMES.values(), UNKNOWN),
    "sex": (attributes.MALE, attributes.FEMALE, UNKNOWN),
    "status": tuple(AnimalStatus),
    "outcome": (AnimalStatus.ADOPTED, AnimalStatus.REMOVED),
    **dict.fromkeys(("mixed", "altered", "houseTrained", "specialNeeds"), ("yes", "no", UNKNOWN)),
    **dict.fromkeys(("goodWithKids", "goodWithDogs", "goodWithCats"), tuple(attributes.GoodWith)),
    "birthDate": ("2024-05-17",),
    "fee": ("85",),
}
"""The meanings that the values of each field may have, or examples of them."""
_FREE = frozenset({"breed", "birthDate", "fee"})
_MOST = 2_000  # values of one source: what has more is no list of words
_DOG = AnimalForm(id="a", species=attributes.DOG)


class ValueMapping(msgspec.Struct, frozen=True):
    """Meanings by field and by value, in one spelling."""

    meanings: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, path: Path | None) -> "ValueMapping":
        """Read a mapping file, if there is one; InvalidInput names what is wrong, and where."""
        if path is None:
            return cls({})
        return cls.of(read_yaml(path, "the mapping", "fields", "map", texts=True))

    @classmethod
    def of(cls, content: Any) -> "ValueMapping":
        """Check what such a file holds."""
        fields = content.values() if isinstance(content, dict) else (content,)
        if not all(isinstance(one, dict) for one in fields):
            raise InvalidInput("a mapping has a field, and below it `value: meaning`", field="map")
        for field, meanings in content.items():
            if field not in MEANINGS:
                text = f"a mapping has no field {field!r}: there are {', '.join(MEANINGS)}"
                raise InvalidInput(text, field="map")
            for value, meaning in meanings.items():
                _check(field, value, meaning)
        return cls.checked(content)

    @classmethod
    def checked(cls, content: Mapping[str, Mapping[str, str]]) -> "ValueMapping":
        """Return a mapping that was checked when it was stored."""
        return cls(
            {
                field: {_key(value): meaning for value, meaning in meanings.items() if meaning}
                for field, meanings in content.items()
            }
        )

    def over(self, other: "ValueMapping") -> "ValueMapping":
        """Return both mappings as one; where they differ, this one counts."""
        fields = {**other.meanings, **self.meanings}
        theirs, ours = other.meanings, self.meanings
        return ValueMapping({one: {**theirs.get(one, {}), **ours.get(one, {})} for one in fields})

    def says(self, field: str, value: str) -> str | None:
        """Return the meaning of a value as it is written; None if it has none here."""
        return self.meanings.get(field, {}).get(_key(value))

    def applied(self, form: AnimalForm) -> AnimalForm:
        """Return the form with the meanings in place of the values."""
        changed = {
            FIELDS[name]: self._meaning(name, getattr(form, FIELDS[name])) for name in self.meanings
        }
        if "species" in changed:
            changed["species"] = self._meaning("species", written_species(form), form.species)
        if "breed" in changed:
            changed["secondary_breed"] = self._meaning("breed", form.secondary_breed)
        return msgspec.structs.replace(form, **changed)

    def _meaning(self, field: str, *values: str | float | None) -> str | float | None:
        known, given = self.meanings[field], [one for one in values if one is not None]
        return next(filter(None, (known.get(_key(str(one))) for one in given)), values[-1])


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
        for value, rows in most_frequent(values[field]):
            lines.append(f"  {msgspec.json.encode(value).decode()}:  # rows: {rows}")
    return "\n".join(lines) + "\n"


def most_frequent(values: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return values with their numbers of rows, most frequent first."""
    return sorted(values.items(), key=lambda one: (-one[1], one[0]))


def _check(field: str, value: str, meaning: object) -> None:
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
        return plain == UNKNOWN_BREED or any(
            find_breed(one, plain) for one in attributes.SPECIES_NAMES
        )
    if field == "species":
        return attributes.species_id(meaning) in attributes.SPECIES_NAMES
    form = msgspec.structs.replace(_DOG, **{FIELDS[field]: meaning})
    unknown = list(unrecognised(form))
    read_known(form, LATEST, unknown)
    return not unknown


def _key(value: str) -> str:
    return " ".join(value.split()).casefold()


class SourceMeanings(Resource, frozen=True, kw_only=True):
    """The meanings of one source's values, by field and by value."""

    kind: ClassVar[str] = "source meanings"

    source: str
    meanings: Mapping[str, Mapping[str, str]] = {}


class Meanings(msgspec.Struct, frozen=True):
    """Stores meanings. They count at the next import of the source, and make a feed due."""

    registry: Registry

    def of(self, source: str) -> Mapping[str, Mapping[str, str]]:
        """The meanings of a source's values, by field and by value."""
        found = self.registry.find(SourceMeanings, digest_name(source))
        return {} if found is None else found.meanings

    def mapping(self, source: str, own: ValueMapping = NO_MAPPING) -> ValueMapping:
        """Return the meanings of a source's values; where `own` has others, those count."""
        return own.over(ValueMapping.checked(self.of(source)))

    def say(self, source: str, field: str, value: str, meaning: str, now: int) -> None:
        """Store what a value means; forget it if `meaning` is empty. InvalidInput if wrong."""
        if not value.strip() or len(value) > 2 * MAX_ID_LENGTH:
            text = f"value must have 1 to {2 * MAX_ID_LENGTH} characters, not {len(value)}"
            raise InvalidInput(text, field="value")
        ValueMapping.of({field: {value: meaning}})
        stored = SourceMeanings(name=digest_name(source), source=source)
        name = self.registry.ensure(stored, now).name
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
        text = f"a source may have {_MOST:,} values with a meaning: write a mapping file for more"
        raise InvalidInput(text, field="value")
    kept = {name: some for name, some in meanings.items() if some}
    return msgspec.structs.replace(stored, meanings=kept)


def digest_name(text: str) -> str:
    """Return the name of a resource about a source, which may be called anything."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
