"""Animals in Petfinder's two forms: the CSV that shelter systems send, and the JSON of its API.

Columns of the CSV:
ID, AnimalName, PrimaryBreed, SecondaryBreed, Sex (M, F), Size (S, M, L, XL), Age, Desc,
Type, Status (A adoptable, H held, F found, P pending, X adopted), Altered, NoDogs, NoCats,
NoKids (1 not good, 0 good), Housetrained, specialNeeds, Mix, photo1…, arrival_date, birth_date,
primaryColor…, coat_length, adoption_fee.

Contacts are not read, but for the postcode.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from pawsonalize.domain.attributes import GoodWith, read_answer
from pawsonalize.engine.ingest.animal_form import AnimalForm
from pawsonalize.engine.ingest.decoder import decode
from pawsonalize.wings.feeds import rows

_PHOTOS = tuple(f"PHOTO{place}" for place in range(1, 7))
_COLOURS = ("PRIMARYCOLOR", "SECONDARYCOLOR", "TERTIARYCOLOR")
_COLUMNS = (
    *("ID", "ANIMALNAME", "PRIMARYBREED", "SECONDARYBREED", "SEX", "SIZE", "AGE", "DESC", "TYPE"),
    *("STATUS", "ALTERED", "NODOGS", "NOCATS", "NOKIDS", "HOUSETRAINED", "SPECIALNEEDS", "MIX"),
    *("ARRIVAL_DATE", "BIRTH_DATE", "COAT_LENGTH", "ADOPTION_FEE"),
    *_PHOTOS,
    *_COLOURS,
)
_DATES = ("ARRIVAL_DATE", "BIRTH_DATE")
_REQUIRED = ("ID", "ANIMALNAME", "PRIMARYBREED", "TYPE")
_CSV_STATUSES = {"": "available", "A": "available", "H": "hold", "F": "hold"}
_CSV_STATUSES |= {"P": "pending", "X": "adopted"}


def read_petfinder_csv(
    content: bytes, form: rows.TableForm = rows.AS_USUAL
) -> Iterator[rows.FeedRow]:
    """The file's rows."""
    table = rows.read_table(content, _COLUMNS, _REQUIRED, _DATES, form)
    return rows.read_rows(table, lambda record: record["ID"], _form_of_row)


def _form_of_row(row: rows.Record) -> AnimalForm:
    values = {name: row.get(name, "") for name in _COLUMNS}
    return AnimalForm(
        id=values["ID"],
        species=values["TYPE"],
        breed=values["PRIMARYBREED"],
        secondary_breed=values["SECONDARYBREED"],
        mixed=values["MIX"],
        birth_date=values["BIRTH_DATE"],
        age=values["AGE"],
        size=values["SIZE"],
        sex=values["SEX"],
        name=values["ANIMALNAME"],
        status=_CSV_STATUSES.get(values["STATUS"].upper(), values["STATUS"]),
        intake_at=rows.first_of(values["ARRIVAL_DATE"]),
        coat=values["COAT_LENGTH"],
        colours=rows.all_of(*(values[name] for name in _COLOURS)),
        altered=values["ALTERED"],
        house_trained=values["HOUSETRAINED"],
        special_needs=values["SPECIALNEEDS"],
        good_with_kids=_not(values["NOKIDS"]),
        good_with_dogs=_not(values["NODOGS"]),
        good_with_cats=_not(values["NOCATS"]),
        photos=rows.all_of(*(values[name] for name in _PHOTOS)),
        fee=values["ADOPTION_FEE"],
        description=values["DESC"],
    )


def _not(text: str) -> bool | str:
    answer = read_answer(text)
    return answer is GoodWith.NO if answer in {GoodWith.YES, GoodWith.NO} else text


class _Part(msgspec.Struct, frozen=True):
    """All that is read of breeds, colours, attributes and environment."""

    primary: str | None = None
    secondary: str | None = None
    tertiary: str | None = None
    mixed: bool | None = None
    spayed_neutered: bool | None = None
    house_trained: bool | None = None
    special_needs: bool | None = None
    children: bool | None = None
    dogs: bool | None = None
    cats: bool | None = None


class _Photo(msgspec.Struct, frozen=True):
    full: str | None = None
    large: str | None = None


class _Address(msgspec.Struct, frozen=True):
    postcode: str | None = None


class _Contact(msgspec.Struct, frozen=True):
    address: _Address | None = None


class _Animal(msgspec.Struct, frozen=True):
    id: str | int
    species: str | None = None
    type: str | None = None
    breeds: _Part | None = None
    colors: _Part | None = None
    age: str | None = None
    gender: str | None = None
    size: str | None = None
    coat: str | None = None
    attributes: _Part | None = None
    environment: _Part | None = None
    name: str | None = None
    description: str | None = None
    photos: list[_Photo] | None = None
    url: str | None = None
    status: str | None = None
    published_at: str | None = None
    status_changed_at: str | None = None
    organization_id: str | None = None
    contact: _Contact | None = None


class _Wrapped(msgspec.Struct, frozen=True):
    animals: list[Raw]


_WRAPPED = msgspec.json.Decoder(_Wrapped)
_NONE = _Part()
_LIST = msgspec.json.Decoder(list[Raw])
_ANIMAL = msgspec.json.Decoder(_Animal)


def read_petfinder_json(content: bytes) -> Iterator[rows.FeedRow]:
    """The animals of a page or a list."""
    is_list = content.lstrip()[:1] == b"["
    raws = decode(_LIST, content) if is_list else decode(_WRAPPED, content).animals
    return rows.read_records(raws, _ANIMAL, lambda one: one.id, _form)


def _form(animal: _Animal) -> AnimalForm:
    breeds, colours = animal.breeds or _NONE, animal.colors or _NONE
    traits = animal.attributes or _NONE
    household = animal.environment or _NONE
    address = (animal.contact and animal.contact.address) or _Address()
    return AnimalForm(
        id=animal.id,
        species=animal.species or animal.type or "",
        breed=breeds.primary,
        secondary_breed=breeds.secondary,
        mixed=breeds.mixed,
        age=animal.age,
        size=animal.size,
        sex=animal.gender,
        name=animal.name,
        status=animal.status,
        listed_at=animal.published_at,
        outcome_at=_adopted_at(animal),
        shelter=animal.organization_id,
        coat=animal.coat,
        colours=rows.all_of(colours.primary, colours.secondary, colours.tertiary),
        altered=traits.spayed_neutered,
        house_trained=traits.house_trained,
        special_needs=traits.special_needs,
        good_with_kids=household.children,
        good_with_dogs=household.dogs,
        good_with_cats=household.cats,
        photos=rows.all_of(*(photo.full or photo.large for photo in animal.photos or ())),
        url=animal.url,
        postcode=address.postcode,
        description=animal.description,
    )


def _adopted_at(animal: _Animal) -> str | None:
    changed = animal.status_changed_at  # not of this stay if it was published again since
    known = animal.status == "adopted" and changed and changed >= (animal.published_at or "")
    return changed if known else None
