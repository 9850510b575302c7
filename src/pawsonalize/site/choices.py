"""Choices of a visitor: the quiz, kept in a cookie, and the household rules in the address."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core.attributes import FEMALE, MALE
from pawsonalize.core.event import Visitor
from pawsonalize.core.preferences import Preferences
from pawsonalize.recommend.animals.eligibility import Denied, Eligibility, Place
from pawsonalize.recommend.query import Query
from pawsonalize.site import forms as endpoints
from pawsonalize.site import words
from pawsonalize.site.boards import board_of_form
from pawsonalize.site.knowledge import Knowledge
from pawsonalize.site.languages import spoken, text, value
from pawsonalize.site.rendering import animals_page, page, with_query
from pawsonalize.site.storefront import Storefront

_ANIMALS = {"species": words.SPECIES, "size": words.SIZES, "age": words.AGES}
_LIVES_WITH = {"kids": "children", "dogs": "dogs", "cats": "cats"}
_STATED_AT = "said"
_YES_OR_NO = {"yes": True, "no": False}
_MUST = {"trained": "house-trained", "unaided": "without special needs"}
_WISHES: Mapping[str, Mapping[str, str]] = {
    "breed": {},
    "age": words.AGES,
    "size": words.SIZES,
    "sex": {one: one for one in (FEMALE, MALE)},
    "colour": {},
}
"""Attributes of an animal that one may choose, with their values where they are the same of all."""
_HOME = "home"
_WITHIN_KM = ("25", "50", "100", "250")
_POINT = re.compile(r"(-?\d{1,2}(?:\.\d{1,6})?),(-?\d{1,3}(?:\.\d{1,6})?)")
_MAX_POSTCODE = 20
_MAX_CHARS = 100
_MAX_WITHOUT, _BETWEEN = 500, "|"


def preferences_of(request: Request) -> Preferences:
    """Return the answers in the cookie; none without one, or without answers."""
    return read_preferences(dict(parse_qsl(endpoints.read_answers(request))))


def get_looking_for(request: Request, visitor: Visitor) -> Response:
    """Show the form with the answers there are."""
    answers, storefront = preferences_of(request), Storefront.of(request)
    known, now = Knowledge.of(storefront, visitor), storefront.now()
    rules = HouseholdRules.of(request.query_params, answers).rules(known.did("adoption"))
    query = Query(visitor, now, now, preferences=answers, eligibility=rules)
    board = board_of_form(storefront, query, known)
    here = storefront.animal_recommender.count_fitting(Query(visitor, now, now)) or words.SPECIES
    return (page if board is None else animals_page)(
        "looking_for.html",
        board=board,
        animals=[
            (
                text(f"quiz.{name}"),
                name,
                [
                    (one, value(word), one in getattr(answers, name))
                    for one, word in values.items()
                    if name != "species" or one in {*here, *answers.species}
                ],
            )
            for name, values in _ANIMALS.items()
        ],
        household=[(name, value(w), getattr(answers, name)) for name, w in _LIVES_WITH.items()],
        answered=answers != Preferences(),
        site_name=storefront.name,
    )


async def post_looking_for(
    request: Request, visitor: Visitor, fields: endpoints.Fields
) -> Response:
    """Keep the answers, or forget them, and show the animals in the new order."""
    response = endpoints.see("/")
    now = Storefront.of(request).now()
    answers = (
        Preferences() if "forget" in fields else replace(read_preferences(fields), stated_at=now)
    )
    if answers == Preferences():
        endpoints.forget_answers(response)
    else:
        endpoints.remember_answers(request, response, urlencode(_fields(answers)))
    endpoints.remember(request, response, visitor)
    return response


def as_call(preferences: Preferences) -> dict[str, object]:
    """Return the answers as the body of an API call has them; empty without any."""
    given = {name: value for name, value in asdict(preferences).items() if value not in ((), None)}
    stated_at = given.pop("stated_at", None)
    return {"preferences": given | ({"saidAt": stated_at} if stated_at else {})} if given else {}


def in_words(preferences: Preferences) -> str:
    """Return such as `small or medium dogs`, empty where no animal was described."""
    speaks = spoken()
    age, size, species = (
        speaks.messages["layout.or"].join(value(values.get(one, one)) for one in given)
        for given, values in (
            (preferences.age, words.AGES),
            (preferences.size, words.SIZES),
            (preferences.species, {one: words.several(one) for one in words.SPECIES}),
        )
    )
    if not age and not size:
        return species
    return speaks.described(*filter(None, (age, size, species or speaks.messages["quiz.animals"])))


def read_preferences(fields: endpoints.Fields) -> Preferences:
    """Read answers of the quiz from the fields of its form."""
    chosen = {
        name: tuple(value for value in values if f"{name}-{value}" in fields)
        for name, values in _ANIMALS.items()
    }
    lives_with = {name: _YES_OR_NO.get(fields.get(name, "")) for name in _LIVES_WITH}
    stated = fields.get(_STATED_AT, "")
    stated_at = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 15 else None
    return Preferences(**chosen, **lives_with, stated_at=stated_at)  # type: ignore[arg-type]  # names say


def _fields(answers: Preferences) -> dict[str, str]:
    chosen = {f"{name}-{value}": "on" for name in _ANIMALS for value in getattr(answers, name)}
    lives_with = {name: getattr(answers, name) for name in _LIVES_WITH}
    home = {k: "yes" if v else "no" for k, v in lives_with.items() if v is not None}
    stated = {} if answers.stated_at is None else {_STATED_AT: str(answers.stated_at)}
    return chosen | home | stated


class HouseholdRules(msgspec.Struct, frozen=True):
    """Choices of the visitor: a species, or all, a household, a place, and words to search for."""

    species: str | None
    household: tuple[str, ...]
    is_given: bool = False
    """The address speaks of the household, even if nobody is in it."""
    must: tuple[str, ...] = ()
    """Other requirements, by field."""
    wanted: tuple[tuple[str, str], ...] = ()
    """Attributes of the animal with the chosen value."""
    near: str = ""
    """Place of the visitor: a postcode, or `latitude,longitude`."""
    within: str = ""
    """The greatest distance in km; empty: any."""
    text: str = ""
    """Text of the search; empty: none."""
    as_written: bool = False
    """No typing error of `text` is mended."""
    without: tuple[str, ...] = ()
    """Ids of readings of `text` that were taken off."""

    @classmethod
    def of(cls, given: Mapping[str, str], looking_for: Preferences) -> "HouseholdRules":
        """Return the choices of the address, and those of the quiz where it has no household."""
        is_given = _HOME in given
        household = {
            name: given.get(name) == "yes" if is_given else getattr(looking_for, name)
            for name in _LIVES_WITH
        }
        near, within = given.get("near", "").strip()[:_MAX_POSTCODE], given.get("within", "")
        return cls(
            species=given.get("species"),
            household=tuple(filter(household.get, household)),
            is_given=is_given,
            must=tuple(name for name in _MUST if given.get(name) == "yes"),
            wanted=tuple(
                (name, chosen)
                for name, values in _WISHES.items()
                if (chosen := given.get(name, "").strip()[:_MAX_CHARS])
                and (chosen in values or (not values and chosen.isprintable()))
            ),
            near=near if near.isprintable() else "",
            within=within if near and within in _WITHIN_KM else "",
            text=given.get("q", "").strip()[:_MAX_CHARS],
            as_written="as-written" in given,
            without=tuple(filter(None, given.get("without", "")[:_MAX_WITHOUT].split(_BETWEEN))),
        )

    def rules(self, adopted: Iterable[str]) -> Eligibility:
        """Return the rules of the answer; who was adopted is not shown."""
        wanted = {name: frozenset([chosen]) for name, chosen in self.wanted}
        return Eligibility(
            breeds=wanted.get("breed", frozenset()),
            ages=wanted.get("age", frozenset()),
            sizes=wanted.get("size", frozenset()),
            sexes=wanted.get("sex", frozenset()),
            colours=wanted.get("colour", frozenset()),
            kids="kids" in self.household,
            dogs="dogs" in self.household,
            cats="cats" in self.household,
            house_trained=True if "trained" in self.must else None,
            special_needs=False if "unaided" in self.must else None,
            species=frozenset([self.species] if self.species else []),
            place=self.point,
            postcode="" if self.point else self.near,
            max_distance_km=float(self.within) if self.within else None,
            denied=Denied(animals=frozenset(adopted)),
        )

    @property
    def point(self) -> Place | None:
        """Position of the visitor, if the browser gave it."""
        found = _POINT.fullmatch(self.near)
        if found is None:
            return None
        latitude, longitude = map(float, found.groups())
        return Place(latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None

    def nowhere(self) -> "HouseholdRules":
        """Return the same without a place."""
        return msgspec.structs.replace(self, near="", within="")

    def path(self, species: str | None, **more: str) -> str:
        """Return the address with the same household and another species."""
        home = (_HOME, *self.household) if self.is_given or self.household else ()
        query = {
            "q": self.text,
            "as-written": "yes" if self.text and self.as_written else "",
            "without": _BETWEEN.join(self.without) if self.text else "",
            "species": species or "",
            **dict.fromkeys(home, "yes"),
            **dict(self.wanted),
            "near": self.near,
            "within": self.within,
            **dict.fromkeys(self.must, "yes"),
            **more,
        }
        return with_query("/", query)

    def without_household(self) -> str:
        """Return the address with the same species, for any home, attribute and distance."""
        return msgspec.structs.replace(
            self, household=(), must=(), wanted=(), within="", is_given=True
        ).path(self.species)

    def searching(self, text: str, *, as_written: bool = False) -> str:
        """Return the address with all other choices, and another text to search for, or none."""
        return msgspec.structs.replace(self, text=text, as_written=as_written, without=()).path(
            self.species
        )

    def leaving_out(self, reading: str) -> str:
        """Return the address with one reading of the text less."""
        return msgspec.structs.replace(self, without=(*self.without, reading)).path(self.species)

    def wishes(
        self, there: Mapping[str, Sequence[str]]
    ) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """Return the attributes with their values, of some those that are `there`, as `choices`."""
        given, found = dict(self.wanted), []
        for name, values in _WISHES.items():
            chosen = given.get(name, "")
            some = values or {o: o.replace("_", " ") for o in there[name]}
            some = some if chosen in {"", *some} else {chosen: chosen.replace("_", " "), **some}
            every = ("", text("adoption.any"), not chosen)
            found.append((name, [every, *((o, value(w), o == chosen) for o, w in some.items())]))
        return found

    @property
    def taken(self) -> list[tuple[str, str]]:
        """The chosen attributes in words, each with the address without it."""
        return [
            (
                value(_WISHES[name].get(chosen, chosen.replace("_", " "))),
                msgspec.structs.replace(
                    self, wanted=tuple(one for one in self.wanted if one[0] != name)
                ).path(self.species),
            )
            for name, chosen in self.wanted
        ]

    @property
    def excludes(self) -> bool:
        """True if something else than the species may keep animals out."""
        return bool(self.household or self.must or self.wanted or self.within)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Members of a household: field, text, and whether it is chosen."""
        return [(name, value(one), name in self.household) for name, one in _LIVES_WITH.items()]

    @property
    def demands(self) -> list[tuple[str, str, bool]]:
        """Other requirements, in the same form."""
        return [(name, value(one), name in self.must) for name, one in _MUST.items()]

    @property
    def distances(self) -> list[tuple[str, str, bool]]:
        """Distances, in the same form."""
        any_distance = ("", text("adoption.any_distance"), not self.within)
        far = spoken().distance
        return [any_distance, *((km, far(float(km)), km == self.within) for km in _WITHIN_KM)]

    @property
    def call(self) -> dict[str, object]:
        """The rules as the body of an API call has them."""
        given: dict[str, object] = {"species": [self.species]} if self.species else {}
        given |= {f"{name}es" if name == "sex" else f"{name}s": [o] for name, o in self.wanted}
        if self.household:
            given["household"] = dict.fromkeys(self.household, True)
        if "trained" in self.must:
            given["houseTrained"] = True
        if self.point:
            given |= {"latitude": self.point.latitude, "longitude": self.point.longitude}
        elif self.near:
            given["postcode"] = self.near
        if self.within:
            given["maxDistanceKm"] = int(self.within)
        return given | ({"specialNeeds": "none"} if "unaided" in self.must else {})


def as_search(rules: HouseholdRules, answers: Preferences) -> str:
    """Return the choices and the wanted animals as one query, to be saved; empty without any."""
    link = rules.path(rules.species).partition("?")[2]
    wanted = Preferences(species=answers.species, size=answers.size, age=answers.age)
    return "&".join(filter(None, (link, urlencode(_fields(wanted)))))
