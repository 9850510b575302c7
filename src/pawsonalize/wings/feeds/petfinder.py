"""Animals in the shape of Petfinder's API, version 2; of contacts only the postcode is read."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from pawsonalize.engine.ingest.animal_form import AnimalForm
from pawsonalize.engine.ingest.decoder import decode
from pawsonalize.wings.feeds import rows


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
