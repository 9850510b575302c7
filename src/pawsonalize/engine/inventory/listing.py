"""From what is told of an animal to its record."""

from dataclasses import dataclass

from pawsonalize.domain.ages import age_id
from pawsonalize.domain.animals import UNKNOWN, Animal, GoodWith
from pawsonalize.domain.breeds import UNKNOWN_BREED, Breeds, breed_id, find_breed, read_breeds
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.ids import MAX_ID_LENGTH, parse_id
from pawsonalize.domain.sizes import size_id
from pawsonalize.domain.species import species_id
from pawsonalize.domain.statuses import AnimalStatus, StatusChange
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.inventory.form import (
    MAX_PHOTOS,
    AnimalForm,
    Told,
    day,
    long_text,
    number,
    text,
)

_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
_MAX_ADDRESS_CHARS = 2_000
_MAX_FEE = 1_000_000


@dataclass(frozen=True, slots=True)
class Listing:
    """An animal as it is told now, and its status if that was told.

    The history of `animal` is that of an animal nobody knew before.
    """

    animal: Animal
    status: AnimalStatus | None


def read_listing(form: AnimalForm, at: int) -> Listing:
    """Read what is told at that moment (ms since 1970); InvalidInput names a bad field."""
    status = read_status(form.status) if form.status is not None else None
    species = species_id(text(form.species, "species"))
    breeds = _breeds(form, species)
    born = day(form.birth_date, "birthDate")
    animal = Animal(
        animal_id=parse_id(form.id, "id"),
        species=species,
        breed=breeds.primary,
        size=size_id(text(form.size, "size")) or UNKNOWN,
        age=UNKNOWN if born else age_id(text(form.age, "age")) or UNKNOWN,
        born=born,
        name=text(form.name, "name"),
        history=_first_history(form, status, at),
        source=text(form.source, "source"),
        external_id=text(parse_id(form.external_id or form.id, "externalId"), "externalId"),
        shelter=text(form.shelter, "shelter"),
        bonded_unit=parse_id(form.bonded_unit, "bondedUnit") if form.bonded_unit else None,
        secondary_breed=breeds.secondary,
        mixed=breeds.mixed,
        sex=_SEXES.get(text(form.sex, "sex").lower(), UNKNOWN),
        coat=text(form.coat, "coat"),
        colours=_texts(form.colours, "colours", 10, MAX_ID_LENGTH),
        altered=form.altered,
        house_trained=form.house_trained,
        special_needs=form.special_needs,
        good_with_kids=_good_with(form.good_with_kids, "goodWithKids"),
        good_with_dogs=_good_with(form.good_with_dogs, "goodWithDogs"),
        good_with_cats=_good_with(form.good_with_cats, "goodWithCats"),
        photos=_texts(form.photos, "photos", MAX_PHOTOS, _MAX_ADDRESS_CHARS),
        fee=number(form.fee, "fee", 0, _MAX_FEE),
        latitude=number(form.latitude, "latitude", -90, 90),
        longitude=number(form.longitude, "longitude", -180, 180),
        postcode=text(form.postcode, "postcode"),
        description=long_text(form.description, "description"),
        intake_at=parse_moment(form.intake_at, "intakeAt") if form.intake_at else None,
    )
    _check_group(animal, at)
    return Listing(animal, status)


def read_status(given: str) -> AnimalStatus:
    """A status by its name; InvalidInput names all."""
    try:
        return AnimalStatus(given.strip().lower())
    except ValueError as error:
        known = ", ".join(AnimalStatus)
        raise InvalidInput(f"status must be one of {known}", field="status") from error


def _breeds(form: AnimalForm, species: str) -> Breeds:
    told = text(form.breed, "breed")
    if not told:  # "Guinea Pig" is a species to some systems and a breed to others
        named = find_breed(species, text(form.species, "species"))
        return Breeds(named or UNKNOWN_BREED, mixed=form.mixed)
    found = read_breeds(species, told)
    second = text(form.secondary_breed, "secondaryBreed")
    secondary = breed_id(species, second) if second else found.secondary
    if secondary in {found.primary, UNKNOWN_BREED}:
        secondary = None
    mixed = True if secondary else found.mixed
    return Breeds(found.primary, secondary, form.mixed if form.mixed is not None else mixed)


def _first_history(
    form: AnimalForm, status: AnimalStatus | None, at: int
) -> tuple[StatusChange, ...]:
    listed = at if form.listed_at is None else parse_moment(form.listed_at, "listedAt")
    there = StatusChange(AnimalStatus.AVAILABLE, listed)
    if status in {None, AnimalStatus.AVAILABLE}:
        return (there,)
    assert status is not None
    now = StatusChange(status, at)
    return (there, now) if listed < at else (now,)


def _good_with(told: Told, field: str) -> GoodWith:
    if told is None or isinstance(told, bool):
        return {None: GoodWith.UNKNOWN, True: GoodWith.YES, False: GoodWith.NO}[told]
    try:
        return GoodWith(told.strip().lower() or GoodWith.UNKNOWN)
    except ValueError as error:
        known = ", ".join(GoodWith)
        raise InvalidInput(f"{field} must be true, false or one of {known}", field=field) from error


def _texts(told: list[str] | None, field: str, most: int, limit: int) -> tuple[str, ...]:
    if told is not None and len(told) > most:
        raise InvalidInput(f"{field} holds at most {most} entries", field=field)
    return tuple(found for one in told or () if (found := text(one, field, limit)))


def _check_group(animal: Animal, at: int) -> None:
    group = animal.group_at(at)
    if "-" in group.species + group.size + group.age:
        raise InvalidInput("only a breed may contain '-'", field="species")
    parse_id(group.id, "breed")
    if AnimalGroup.parse(group.id) != group:
        raise InvalidInput("name the species in words, such as dog", field="species")
