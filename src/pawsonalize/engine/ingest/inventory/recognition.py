"""Finds unknown values of a listing, so that you can say what they mean."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from pawsonalize.domain.animals import UNKNOWN
from pawsonalize.domain.attributes import (
    AGE_NAMES,
    DOG,
    SIZE_NAMES,
    age_id,
    read_sex,
    says_nothing,
    size_id,
)
from pawsonalize.domain.breed_spelling import DECORATIONS, words_of
from pawsonalize.domain.breeds import FAMILIES, read_breeds
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.limits import MAX_ID_LENGTH
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.engine.ingest.inventory.form import FIELDS, MOST, AnimalForm
from pawsonalize.engine.ingest.inventory.kinds import read_form_breeds, read_species, without_markup
from pawsonalize.engine.ingest.inventory.listing import (
    Listing,
    knows_outcome,
    read_listing,
)

_NEEDED = frozenset({"id", "species", "source", "externalId", "outcomeAt"})
_DOG = AnimalForm(id="a", species=DOG)
_MOMENTS = frozenset({"listedAt", "intakeAt", "returnedAt"})


def read_known(
    form: AnimalForm, now: int, unknown: list[tuple[str, str]]
) -> tuple[Listing, list[str]]:
    """Read a listing without the values that cannot be read: they are unknown, and in `unknown`.

    Second, sentences on moments that are left out as they contradict others. An unknown status is
    `hold`: the animal may have left. InvalidInput if it is not known which animal of which species
    it is, or when it left.
    """
    odd: list[str] = []
    while True:
        try:
            return read_listing(form, now), odd
        except InvalidInput as error:
            name = error.field or ""
            value = getattr(form, FIELDS.get(name, ""), None)
            if name in _NEEDED or value is None:
                raise
            kept = _readable(name, value, now) if isinstance(value, list) else None
            changes: dict[str, object] = {FIELDS[name]: kept}
            if name in _MOMENTS:
                odd.append(f"{error.message}. Until then {name} does not count")
                changes |= {"listed_at": None} if name == "intakeAt" else {}
            elif all(name != field for field, _value in unknown):
                values = value if isinstance(value, list) else [value]
                unknown += [(name, _written(one)) for one in values if one not in (kept or ())]
            if name == "status" or (name == "outcome" and not form.outcome_at):
                changes["status"] = AnimalStatus.HOLD
            form = msgspec.structs.replace(form, **changes)


def _readable(name: str, values: Sequence[str], now: int) -> list[str]:
    """The entries of a list that can be read."""
    kept = []
    for one in values:
        with suppress(InvalidInput):
            read_listing(msgspec.structs.replace(_DOG, **{FIELDS[name]: [one]}), now)
            kept.append(one)
    return kept[: MOST[name]]


def unrecognised(form: AnimalForm) -> Iterator[tuple[str, str]]:
    """The fields with unknown values that read as words of their own, as they are written."""
    try:
        species = read_species(form)
    except InvalidInput:
        yield "species", written_species(form)
        return
    for breed in (form.breed, form.secondary_breed):
        if not _is_known_breed(form, species, _written(breed)):
            yield "breed", _written(breed)
    size, age, sex = _written(form.size), _written(form.age), _written(form.sex)
    if size and size_id(size, species) not in {*SIZE_NAMES, UNKNOWN}:
        yield "size", size
    if age and not form.birth_date and age_id(age, species) not in {*AGE_NAMES, UNKNOWN}:
        yield "age", age
    if read_sex(sex) is None and not says_nothing(sex):
        yield "sex", sex
    if not knows_outcome(form.outcome):
        yield "outcome", _written(form.outcome)


def written_species(form: AnimalForm) -> str:
    """The species and the breed beside it (`OTHER / BAT`): one alone may say nothing."""
    return " / ".join(filter(None, (_written(form.species), _written(form.breed))))


def _is_known_breed(form: AnimalForm, species: str, breed: str) -> bool:
    if breed.lower() == "other" or says_nothing(breed):
        return True
    found = (
        read_form_breeds(form, species)
        if breed == _written(form.breed)
        else read_breeds(species, breed)
    )
    known = (species, found.primary) in FAMILIES
    return known or (bool(found.mixed) and DECORATIONS.issuperset(words_of(breed)))


def _written(value: object) -> str:
    """The value as people read it, without what cannot be printed; as much as an id may have."""
    written = "" if value is None else without_markup(str(value)) or ""
    printable = "".join(one if one.isprintable() else " " for one in written)
    return " ".join(printable.split())[:MAX_ID_LENGTH]
