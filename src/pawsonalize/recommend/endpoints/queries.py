"""The queries of recommendations and rerankings: visitor, moment, context, quiz, home and rules."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat
from math import isfinite
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.animals.animal import UNKNOWN, Animal
from pawsonalize.animals.wishes.lexicon import colours_in
from pawsonalize.core import attributes
from pawsonalize.core.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES
from pawsonalize.core.breeds import FAMILIES, UNKNOWN_BREED, find_breed
from pawsonalize.core.errors import Forbidden, InvalidInput, NotFound
from pawsonalize.core.forms.decoder import Form, Id, Moment, bare, check_names
from pawsonalize.core.http.json import unknown_of
from pawsonalize.core.limits import check_length, parse_id
from pawsonalize.core.preferences import SEPARATOR, Preferences
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.times import iso, parse_moment
from pawsonalize.operations.addressing import (
    CampaignName,
    DatasetGroupName,
    address_of,
    caller_of,
    check_visitor,
    read_visitor,
)
from pawsonalize.operations.limits import Lane
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.animals.eligibility import Denied, Eligibility, Place
from pawsonalize.recommend.animals.pages import seconds_until_written
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.campaigns import Address
from pawsonalize.recommend.endpoints import answers
from pawsonalize.recommend.query import Promotion, Query, categorical
from pawsonalize.resources.filters import AppliedFilter, apply

T = TypeVar("T")
Of = Literal["groups", "animals"]
_Wanted = Annotated[list[Id], Meta(max_length=16)]
_Denied = Annotated[list[Id], Meta(max_length=1_000)]
PageAnswers = Annotated[list[Id], Meta(max_length=50)]
_Amount = Annotated[float, Meta(ge=0)]
_MAX_ANSWERS = 16
_OURS = ("DEVICE", "DISTANCE_KM")
_USUAL = frozenset(map(bare, _OURS))
RequestContext = Annotated[
    dict[str, str | int | float],
    Meta(
        description="What is known of the visit: `DEVICE`, `DISTANCE_KM`, and the categorical"
        " columns of the Interactions schema, in any case and with or without `_`."
    ),
]
_Answers = Annotated[list[Id], Meta(extra_json_schema={"maxItems": _MAX_ANSWERS})]

_SPECIES_WITH_BREEDS = sorted({species for species, _ in FAMILIES})

MAX_PROMOTIONS = 1
FilterValues = dict[str, str]
MetadataColumns = dict[str, list[str]]


class PromotionRequest(Form, frozen=True, rename="camel"):
    """Items that a filter of their own fits, and the share of the places that goes to them."""

    name: str
    """Its name in answers."""
    percent_promoted_items: Annotated[int, Meta(ge=1, le=100)]
    """The share of the places, in percent."""
    filter: str
    """The items, by a filter's name or an expression."""
    filter_values: FilterValues = msgspec.field(default_factory=dict)
    """Values of the filter's parameters."""


class PreferencesForm(Form, frozen=True):
    """Answers of the quiz: which animals are wanted, and who lives with the visitor."""

    species: _Answers = msgspec.field(default_factory=list)
    """Words (`dog`) or ids."""
    size: _Answers = msgspec.field(default_factory=list)
    """Words (`large`) or ids."""
    age: _Answers = msgspec.field(default_factory=list)
    """Words (`senior`) or ids."""
    kids: bool | None = None
    """Children live with the visitor."""
    dogs: bool | None = None
    """Dogs live with the visitor."""
    cats: bool | None = None
    """Cats live with the visitor."""
    stated_at: Moment | None = msgspec.field(name="saidAt", default=None)
    """When they were given: what the visitor did before and they speak against counts no more. Left
    out: when the same were stored of the user, or else now, without taking back a pick."""

    def read(self) -> Preferences:
        """Return the answers; InvalidInput names a bad one."""
        at = self.stated_at
        return Preferences(
            species=_answers(self.species, "species", _wanted_species),
            size=_answers(self.size, "size", _wanted_size),
            age=_answers(self.age, "age", _wanted_age),
            kids=self.kids,
            dogs=self.dogs,
            cats=self.cats,
            stated_at=None if at is None else parse_moment(at, "preferences.saidAt"),
        )


class Household(Form, frozen=True):
    """The visitor's household; what is left out is taken from the stored profile."""

    kids: bool | None = None
    """Children live with the visitor."""
    dogs: bool | None = None
    """Dogs live with the visitor."""
    cats: bool | None = None
    """Cats live with the visitor."""

    synonyms = MappingProxyType({"children": "kids", "child": "kids"})


class Deny(Form, frozen=True):
    """Exclusions from the answer."""

    animals: _Denied = msgspec.field(default_factory=list)
    """Ids of animals."""
    breeds: _Denied = msgspec.field(default_factory=list)
    """Breeds, as people write them or as in groups."""
    groups: _Denied = msgspec.field(default_factory=list)
    """Ids of animal groups."""


class EligibilityFields(Form, frozen=True, rename="camel", kw_only=True):
    """Rules for answers of animals: a known no excludes, what nobody knows ranks lower."""

    of: Of = "groups"
    """Choice of an answer of animal groups, or of the animals of your inventory. The rules from
    `household` to `deny` are for animals."""
    household: Household | None = None
    """The visitor's household."""
    species: _Wanted = msgspec.field(default_factory=list)
    """Only these, words (`dog`) or ids."""
    sizes: _Wanted = msgspec.field(default_factory=list)
    """Only these, words (`large`) or ids."""
    ages: _Wanted = msgspec.field(default_factory=list)
    """Only these, words (`senior`) or ids."""
    sexes: _Wanted = msgspec.field(default_factory=list)
    """Only these, words (`female`)."""
    breeds: _Wanted = msgspec.field(default_factory=list)
    """Only these, as people write them or as in groups; a second breed counts too."""
    colours: _Wanted = msgspec.field(default_factory=list)
    """Only animals that have one of these, words (`black`, `tabby`)."""
    house_trained: bool | None = None
    """Only those who are, or are not."""
    special_needs: Literal["none", "only"] | None = None
    """Only those without, or only those with."""
    max_fee: _Amount | None = None
    """The most that an adoption may cost, in the site's currency."""
    max_distance_km: _Amount | None = None
    """Greatest distance of an animal, in kilometres. It needs a place, sent or stored."""
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    """The visitor's place, in degrees; with `longitude`."""
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    """The visitor's place, in degrees; with `latitude`."""
    postcode: Id | None = None
    """The visitor's place by the server's postcode table, instead of a point."""
    deny: Deny | None = None
    """Exclusions from the answer."""

    synonyms = MappingProxyType(
        dict.fromkeys(("kids", "kid", "children", "child"), "household.kids")
        | dict.fromkeys(("dogs", "dog"), "household.dogs")
        | dict.fromkeys(("cats", "cat"), "household.cats")
        | dict.fromkeys(("sex", "gender", "genders"), "sexes")
        | dict.fromkeys(("colors", "colour", "color"), "colours")
    )


class QueryFields(EligibilityFields, frozen=True, rename="camel", kw_only=True):
    """Fields of every query: visitor, moment, and the rules of the answer."""

    user_id: Id | None = None
    """The user, if you know who it is."""
    session_id: Id | None = None
    """The session, also of visitors who are nobody you know."""
    dataset_group: DatasetGroupName = None
    campaign: CampaignName = None
    filter: str | None = None
    """A filter's name, or an expression."""
    filter_values: FilterValues = msgspec.field(default_factory=dict)
    """By name: what the parameters of the filter stand for, as `{"BREED": "\\"Beagle\\""}`."""
    metadata_columns: MetadataColumns = msgspec.field(default_factory=dict)
    """Of groups: which columns to answer with, as `{"ITEMS": ["ANIMAL_BREED"]}`."""
    at: Moment | None = None
    """Answer as of this moment, now if left out: later events do not count. Not with browser
    keys."""
    context: RequestContext | None = None
    preferences: PreferencesForm | None = None
    """Answers of the quiz."""
    include: answers.Include = msgspec.field(default_factory=list)
    repeats: PageAnswers = msgspec.field(default_factory=list)
    """Of animals: the `recommendationId`s of a page that is loaded again. The answer is that page
    as it was, without animals that left. It is a new one, with an id of its own, once the visitor
    did something since, after 12 hours, and once another model answers."""


async def prepare(
    request: Request, given: QueryFields, page: Sequence[Id], *, detailed: bool
) -> Address:
    """Return the address of the query; Forbidden for what a page may not send."""
    # Call it before the request takes a slot.
    # A query of another moment reads the whole inventory, so it gets a lane of its own. One that
    # names answers of a page waits until they are in the tables, half a second at most.
    check_visitor(request, given.user_id, detailed=detailed)
    if given.at is not None:
        if caller_of(request).is_page:
            raise Forbidden(
                "a page is answered as of now: leave at out, or ask from your server with a key of"
                " scope site",
                field="at",
            )
        request.state.lane = Lane.PAST
    services = services_of(request)
    if page:  # answers are written a moment after they are given, by whichever worker gave them
        await asyncio.sleep(seconds_until_written(list(map(str, page)), services.now()))
    return address_of(request, given.dataset_group, given.campaign)


async def answer_in_lane(
    request: Request, group: str, given: QueryFields, answer: Callable[[], T]
) -> T:
    """Check the context, and make the answer: in a thread if it is of another moment."""
    if given.context:
        await check_context(request, group, given.context)
    run = run_in_threadpool if request.state.lane is Lane.PAST else services_of(request).read
    return await run(answer)


def read_query(
    services: Services,
    given: QueryFields,
    dataset_group: str,
    *,
    explain: bool,
    limit: int = 10,
    item_id: str | None = None,
    promotion: Promotion | None = None,
    continues: tuple[str, ...] = (),
) -> Query:
    """Return the query of that dataset group; InvalidInput names a bad field."""
    now = services.now()
    quiz = Preferences() if given.preferences is None else given.preferences.read()
    rules = read_eligibility(given, quiz)
    return Query(
        read_visitor(given.user_id, given.session_id),
        now if given.at is None else parse_moment(given.at, "at"),
        now,
        context=given.context or {},
        # A model knows the household, whichever field names it.
        preferences=replace(quiz, kids=rules.kids, dogs=rules.dogs, cats=rules.cats),
        eligibility=rules,
        filter=read_filter(services, dataset_group, given.filter, given.filter_values),
        promotion=promotion,
        item_id=item_id,
        limit=limit,
        explain=explain,
        continues=continues,
        repeats=tuple(map(parse_id, given.repeats, repeat("repeats"))),
    )


async def check_context(
    request: Request, dataset_group: str, context: Mapping[str, object]
) -> None:
    """Note names of the context that mean nothing; InvalidInput for one that looks misspelt."""
    unusual = [name for name in context if bare(name) not in _USUAL]
    if not unusual:  # as nearly always: then no schema is looked at
        return
    services = services_of(request)
    catalogue = services.catalogue.of(dataset_group)
    schema = await services.read(catalogue.schema, DatasetType.INTERACTIONS)
    known = {bare(name): name for name in (*categorical(schema), *_OURS)}
    check_names(
        [f"context.{name}" for name in unusual if bare(name) not in known],
        [f"context.{name}" for name in known.values()],
        unknown_of(request),
        noun="field",
    )


def read_eligibility(fields: EligibilityFields, quiz: Preferences) -> Eligibility:
    """Return the rules of the request; InvalidInput names a bad field."""
    # The household of the quiz counts where the request names no other.
    home, deny = fields.household or Household(), fields.deny or Deny()
    if (fields.latitude is None) != (fields.longitude is None):
        raise InvalidInput(
            "latitude and longitude go together: send both, or neither", field="latitude"
        )
    place = None
    if fields.latitude is not None and fields.longitude is not None:
        place = Place(fields.latitude, fields.longitude)
    return Eligibility(
        kids=quiz.kids if home.kids is None else home.kids,
        dogs=quiz.dogs if home.dogs is None else home.dogs,
        cats=quiz.cats if home.cats is None else home.cats,
        species=_ids(fields.species, "species", _wanted_species),
        sizes=_ids(fields.sizes, "sizes", _wanted_size),
        ages=_ids(fields.ages, "ages", _wanted_age),
        sexes=_ids(fields.sexes, "sexes", _wanted_sex),
        breeds=frozenset().union(*map(_wanted_breeds, _ids(fields.breeds, "breeds"))),
        colours=frozenset().union(*map(_wanted_colours, _ids(fields.colours, "colours"))),
        house_trained=fields.house_trained,
        special_needs=None if fields.special_needs is None else fields.special_needs == "only",
        max_fee=fields.max_fee,
        max_distance_km=fields.max_distance_km,
        place=place,
        postcode="" if fields.postcode is None else parse_id(fields.postcode, "postcode"),
        denied=Denied(
            _ids(deny.animals, "deny.animals"),
            frozenset().union(*map(_wanted_breeds, _ids(deny.breeds, "deny.breeds"))),
            _ids(deny.groups, "deny.groups"),
        ),
    )


def check_of_groups(fields: QueryFields, *more: str) -> None:
    """Refuse rules and `more` fields in a query of groups: they are for animals."""
    for name in (*EligibilityFields.__struct_fields__, "repeats", *more):
        if name != "of" and getattr(fields, name) not in (None, []):
            field = _in_json(fields, name)
            raise InvalidInput(
                f'{field} is for animals: send "of": "animals" too, or leave it out', field=field
            )


def refuse_of_animals(fields: QueryFields, *names: str) -> None:
    """Refuse these fields in a query of animals: they are for groups."""
    for name in names:
        if getattr(fields, name):
            field = _in_json(fields, name)
            raise InvalidInput(f"{field} is for groups: leave it out", field=field)


def _in_json(fields: QueryFields, name: str) -> str:
    return next(one.encode_name for one in msgspec.structs.fields(fields) if one.name == name)


def _ids(
    given: list[Id], field: str, wanted: Callable[[str, str], str] | None = None
) -> frozenset[str]:
    ids = map(parse_id, given, repeat(field))
    return frozenset(ids if wanted is None else map(wanted, ids, repeat(field)))


def _answers(given: list[Id], name: str, wanted: Callable[[str, str], str]) -> tuple[str, ...]:
    field = f"preferences.{name}"
    check_length(field, len(given), _MAX_ANSWERS, "ids")
    ids = tuple(dict.fromkeys(wanted(parse_id(one, field), field) for one in given))
    # They are stored as one text.
    if any(SEPARATOR in one for one in ids):
        raise InvalidInput(f"an id in {field} must not contain {SEPARATOR!r}", field=field)
    return ids


def read_filter(
    services: Services, group: str, given: str | None, values: FilterValues, where: str = ""
) -> AppliedFilter | None:
    """Return the dataset group's filter of that name, or the one written out, with its values.

    `where` is the path of the fields `filter` and `filterValues`, for the errors.
    """
    if given is None:
        if values:
            raise InvalidInput(
                "filterValues are of a filter: send it too, or leave them out",
                field=f"{where}filterValues",
            )
        return None
    try:
        expression = services.filters.find(given, dataset_group=group)
    except (InvalidInput, NotFound) as error:
        raise type(error)(error.message, field=f"{where}filter") from error
    return apply(expression, values, f"{where}filterValues")


def read_promotion(
    services: Services, group: str, given: Sequence[PromotionRequest]
) -> Promotion | None:
    """Return the promotion of a query, which has one at most."""
    if not given:
        return None
    if len(given) > MAX_PROMOTIONS:
        raise InvalidInput(f"send one promotion at most, not {len(given)}", field="promotions")
    form = given[0]
    applied = read_filter(services, group, form.filter, form.filter_values, "promotions[0].")
    assert applied is not None
    return Promotion(form.name, form.percent_promoted_items, applied)


def read_metadata(
    services: Services,
    group: str,
    item_ids: Sequence[str],
    wanted: Mapping[str, Sequence[str]],
    now: int,
) -> dict[str, answers.Metadata]:
    """Return the wanted columns of each item; none where none are wanted."""
    if not wanted:
        return {}
    rows = services.filterings.of(group).metadata.select_columns(item_ids, wanted, now)
    return {item_id: dict(row) for item_id, row in zip(item_ids, rows, strict=True)}


def _id_of_word(
    read: Callable[[str], str], names: Mapping[str, str], given: str, field: str
) -> str:
    found = read(given)
    if found in names or found.lower() == UNKNOWN or any(one.isdigit() for one in found):
        return found
    words = ", ".join(names.values())
    raise InvalidInput(
        f"{field} does not know {given!r}: write one of {words}, or an id", field=field
    )


_wanted_species = partial(_id_of_word, attributes.species_id, attributes.SPECIES_NAMES)
"""Id of a species in words or an id, named in a field; InvalidInput lists the words."""
_wanted_size = partial(_id_of_word, attributes.size_id, attributes.SIZE_NAMES)
_wanted_age = partial(_id_of_word, attributes.age_id, attributes.AGE_NAMES)


def _wanted_sex(given: str, field: str) -> str:
    """The same of a sex; neutered and spayed name one too."""
    found = attributes.read_sex(given)
    if found is None:
        raise InvalidInput(f"{field} does not know {given!r}: write female or male", field=field)
    return found[0]


def _wanted_breeds(given: str) -> frozenset[str]:
    """The ids that a breed's name may have: the table's, of any species, and its own."""
    named = (find_breed(species, given.replace("_", " ")) for species in _SPECIES_WITH_BREEDS)
    return frozenset({given.replace(" ", "_"), *filter(None, named)})


def _wanted_colours(given: str) -> frozenset[str]:
    if not (found := colours_in(given)):
        raise InvalidInput(
            f"colours does not know {given!r}: write a colour or a pattern, such as black or tabby",
            field="colours",
        )
    return found


def read_include(given: str | None) -> list[answers.Includable]:
    """Read the query parameter, names with commas between; InvalidInput names an unknown one."""
    names = [] if given is None else [one.strip() for one in given.split(",")]
    for name in names:
        if name != "animal":
            raise InvalidInput(f"include must be animal: it is {name[:40]!r}", field="include")
    return ["animal"] if names else []


def read_included(
    services: Services,
    animal_recommender: AnimalRecommender,
    include: Sequence[answers.Includable],
    query: Query,
    places: Sequence[Sequence[str]],
) -> answers.Included:
    """Return the animal that each place names first, as of the query; the others go with it."""
    # All are read at once. An animal that is not in the inventory is left out.
    if not (include and places):
        return {}
    # One read for all places, as visitors wait for it.
    known = services.inventory.get_many([one for ids in places for one in ids])
    leaders = [known[ids[0]] for ids in places if ids[0] in known]
    distances = animal_recommender.distances(query, leaders)
    far = dict(zip([one.animal_id for one in leaders], distances, strict=True))
    return {
        first: _included(
            known[first], query.at, far[first], [known[one].name for one in others if one in known]
        )
        for first, *others in places
        if first in known
    }


def _included(animal: Animal, at: int, far: float, bonded: list[str]) -> answers.IncludedAnimal:
    group, first = animal.group_at(at), animal.first_listed_at
    return answers.IncludedAnimal(
        name=animal.name,
        photo=next(iter(animal.photos), ""),
        url=animal.url,
        species=_word(animal.species, SPECIES_NAMES),
        breed="" if group.breed == UNKNOWN_BREED else group.breed.replace("_", " "),
        size=_word(group.size, SIZE_NAMES),
        age=_word(group.age, AGE_NAMES),
        sex=_word(animal.sex, {}),
        colours=list(animal.colours),
        shelter=animal.shelter,
        waiting_days=animal.waiting_days(at),
        first_listed_at=iso(first) if first < animal.waits_since(at) else "",
        fee=UNSET if animal.fee is None else animal.fee,
        distance_km=round(far, 1) if isfinite(far) else UNSET,
        bonded_names=bonded,
    )


def _word(value: str, names: Mapping[str, str]) -> str:
    return "" if value == UNKNOWN else names.get(value, value.replace("_", " "))


def is_detailed(request: Request) -> bool:
    """True if the request has `?detail=full`, or is for a detailed answer by its path."""
    if request.url.path.endswith(answers.DETAILED_PATH):
        return True
    detail = request.query_params.get("detail")
    if detail not in {None, "full"}:
        raise InvalidInput("detail must be full, or left out", field="detail")
    return detail == "full"
