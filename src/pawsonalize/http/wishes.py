"""A visitor's home and wishes, as requests say them: the fields that answers of animals share."""

from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.preferences import Preferences
from pawsonalize.domain.wanted import (
    breeds_named,
    wanted_age,
    wanted_sex,
    wanted_size,
    wanted_species,
)
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.ingest.event_form import Id
from pawsonalize.engine.serving.animals.distance import Place
from pawsonalize.engine.serving.animals.eligibility import Denied, Wishes
from pawsonalize.engine.serving.told import Told

Of = Literal["groups", "animals"]
_MAX_DENIED = 1_000
_MAX_WANTED = 16
_Wanted = Annotated[list[Id], Meta(max_length=_MAX_WANTED)]
_Denied = Annotated[list[Id], Meta(max_length=_MAX_DENIED)]
_Amount = Annotated[float, Meta(ge=0)]


class Household(Form, frozen=True):
    """Who lives with the visitor; what is left out is taken from the stored profile."""

    kids: bool | None = None
    dogs: bool | None = None
    cats: bool | None = None

    synonyms = MappingProxyType({"children": "kids", "child": "kids"})


class Deny(Form, frozen=True):
    """Who must not appear: ids of animals, breeds and groups."""

    animals: _Denied = msgspec.field(default_factory=list)
    breeds: _Denied = msgspec.field(default_factory=list)
    groups: _Denied = msgspec.field(default_factory=list)


class WishFields(Form, frozen=True, rename="camel", kw_only=True):
    """Rules for answers of animals: a known no excludes, what nobody knows ranks lower.

    `species`, `sizes`, `ages` and `sexes` are ids or words; `houseTrained` asks for those who are,
    or are not; `specialNeeds` is `none` or `only`. `latitude` and `longitude`, or a `postcode` of
    the operator's table, say where the visitor is.
    """

    of: Of = "groups"
    household: Household | None = None
    species: _Wanted = msgspec.field(default_factory=list)
    sizes: _Wanted = msgspec.field(default_factory=list)
    ages: _Wanted = msgspec.field(default_factory=list)
    sexes: _Wanted = msgspec.field(default_factory=list)
    house_trained: bool | None = None
    special_needs: Literal["none", "only"] | None = None
    max_fee: _Amount | None = None
    max_distance_km: _Amount | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    postcode: Id | None = None
    deny: Deny | None = None

    synonyms = MappingProxyType(
        dict.fromkeys(("kids", "kid", "children", "child"), "household.kids")
        | dict.fromkeys(("dogs", "dog"), "household.dogs")
        | dict.fromkeys(("cats", "cat"), "household.cats")
        | dict.fromkeys(("sex", "gender", "genders"), "sexes")
    )


_NO_WISHES = WishFields()


def read_wishes(fields: WishFields, quiz: Preferences) -> Wishes:
    """The wishes; InvalidInput names a bad field.

    The household of the quiz counts where the request names no other.
    """
    home, deny = fields.household or Household(), fields.deny or Deny()
    if (fields.latitude is None) != (fields.longitude is None):
        raise InvalidInput(
            "latitude and longitude go together: send both, or neither", field="latitude"
        )
    place = None
    if fields.latitude is not None and fields.longitude is not None:
        place = Place(fields.latitude, fields.longitude)
    return Wishes(
        kids=quiz.kids if home.kids is None else home.kids,
        dogs=quiz.dogs if home.dogs is None else home.dogs,
        cats=quiz.cats if home.cats is None else home.cats,
        species=frozenset(
            wanted_species(one, "species") for one in _ids(fields.species, "species")
        ),
        sizes=frozenset(wanted_size(one, "sizes") for one in _ids(fields.sizes, "sizes")),
        ages=frozenset(wanted_age(one, "ages") for one in _ids(fields.ages, "ages")),
        sexes=frozenset(wanted_sex(one, "sexes") for one in _ids(fields.sexes, "sexes")),
        house_trained=fields.house_trained,
        special_needs=None if fields.special_needs is None else fields.special_needs == "only",
        max_fee=fields.max_fee,
        max_distance_km=fields.max_distance_km,
        place=place,
        postcode="" if fields.postcode is None else parse_id(fields.postcode, "postcode"),
        denied=Denied(
            _ids(deny.animals, "deny.animals"),
            frozenset().union(*map(breeds_named, _ids(deny.breeds, "deny.breeds"))),
            _ids(deny.groups, "deny.groups"),
        ),
    )


def told_of_home(told: Told, wishes: Wishes) -> Told:
    """The same, for a model to hear with whom the visitor lives, however the request said it."""
    kids, dogs, cats = wishes.kids, wishes.dogs, wishes.cats
    return replace(told, preferences=replace(told.preferences, kids=kids, dogs=dogs, cats=cats))


def check_of_groups(fields: WishFields) -> None:
    """InvalidInput for rules of a question of groups, which could not keep to them."""
    for name in WishFields.__struct_fields__:
        if name != "of" and getattr(fields, name) != getattr(_NO_WISHES, name):
            said = msgspec.structs.fields(WishFields)
            field = next(one.encode_name for one in said if one.name == name)
            raise InvalidInput(
                f'{field} is a rule for animals: send "of": "animals" too', field=field
            )


def _ids(given: list[Id], field: str) -> frozenset[str]:
    return frozenset(parse_id(one, field) for one in given)
