"""Animals of RescueGroups' API, version 5: JSON:API with the related resources beside them."""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

from pawsonalize.engine.ingest.animal_form import AnimalForm
from pawsonalize.engine.ingest.decoder import decode
from pawsonalize.wings.feeds.rows import FeedRow, all_of, read_records


class _Picture(msgspec.Struct, frozen=True):
    url: str | None = None


class _Related(msgspec.Struct, frozen=True):
    singular: str | None = None
    name: str | None = None
    lat: float | None = None
    lon: float | None = None
    postalcode: str | None = None
    original: _Picture | None = None
    large: _Picture | None = None
    order: int | None = None


class _Reference(msgspec.Struct, frozen=True):
    type: str
    id: str | int
    attributes: _Related = _Related()


class _References(msgspec.Struct, frozen=True):
    data: list[_Reference] | _Reference | None = None


class _Same(msgspec.Struct, frozen=True):
    """Attributes that go into a form as they are, by the names that they have there."""

    name: str | None = None
    breed: str | None = msgspec.field(default=None, name="breedPrimary")
    secondary_breed: str | None = msgspec.field(default=None, name="breedSecondary")
    mixed: bool | None = msgspec.field(default=None, name="isBreedMixed")
    birth_date: str | None = msgspec.field(default=None, name="birthDate")
    age: str | None = msgspec.field(default=None, name="ageGroup")
    size: str | None = msgspec.field(default=None, name="sizeGroup")
    sex: str | None = None
    coat: str | None = msgspec.field(default=None, name="coatLength")
    altered: bool | None = msgspec.field(default=None, name="isAltered")
    house_trained: bool | None = msgspec.field(default=None, name="isHousetrained")
    special_needs: bool | None = msgspec.field(default=None, name="isSpecialNeeds")
    good_with_kids: bool | None = msgspec.field(default=None, name="isKidsOk")
    good_with_dogs: bool | None = msgspec.field(default=None, name="isDogsOk")
    good_with_cats: bool | None = msgspec.field(default=None, name="isCatsOk")
    fee: str | None = msgspec.field(default=None, name="adoptionFeeString")
    description: str | None = msgspec.field(default=None, name="descriptionText")
    url: str | None = None


class _Attributes(_Same, frozen=True, rename="camel"):
    is_adoption_pending: bool | None = None
    available_date: str | None = None
    created_date: str | None = None


class _Animal(msgspec.Struct, frozen=True):
    id: str | int
    attributes: _Attributes = _Attributes()
    relationships: dict[str, _References] = {}


class _Document(msgspec.Struct, frozen=True):
    data: list[Raw]
    included: list[_Reference] = []


_DOCUMENT = msgspec.json.Decoder(_Document)
_ANIMAL = msgspec.json.Decoder(_Animal)

Known = Mapping[tuple[str, str], _Related]


def read_rescuegroups(content: bytes) -> Iterator[FeedRow]:
    """The animals of a response."""
    document = decode(_DOCUMENT, content)
    known = {(one.type, str(one.id)): one.attributes for one in document.included}
    return read_records(document.data, _ANIMAL, lambda one: one.id, lambda one: _form(one, known))


def _form(animal: _Animal, known: Known) -> AnimalForm:
    attributes = animal.attributes
    location = next(iter(_related(animal, "locations", known)), _Related())
    status = _name(animal, "statuses", known)
    pictures = sorted(_related(animal, "pictures", known), key=lambda one: one.order or 0)
    addresses = [picture.original or picture.large or _Picture() for picture in pictures]
    return AnimalForm(
        id=animal.id,
        species=_name(animal, "species", known),
        **{name: getattr(attributes, name) for name in _Same.__struct_fields__},
        status="pending" if attributes.is_adoption_pending else status or "available",
        listed_at=attributes.available_date or attributes.created_date,
        shelter=_name(animal, "orgs", known),
        colours=all_of(*(one.name for one in _related(animal, "colors", known))),
        photos=all_of(*(address.url for address in addresses)),
        latitude=location.lat,
        longitude=location.lon,
        postcode=location.postalcode,
    )


def _name(animal: _Animal, kind: str, known: Known) -> str:
    return next((one.singular or one.name or "" for one in _related(animal, kind, known)), "")


def _related(animal: _Animal, kind: str, known: Known) -> list[_Related]:
    data = animal.relationships.get(kind, _References()).data
    references = data if isinstance(data, list) else [data] if data else []
    found = [known.get((one.type, str(one.id))) for one in references]
    return [one for one in found if one is not None]
