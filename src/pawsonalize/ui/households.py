"""Household rules of the page, read from its address."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request

from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.animals.eligibility import Denied, Eligibility, Place

_WORDS = {"kids": "children", "dogs": "dogs", "cats": "cats"}

_MUST = {"trained": "house-trained", "unaided": "without special needs"}
_HOME = "home"
_WITHIN_KM = ("25", "50", "100", "250")
_POINT = re.compile(r"(-?\d{1,2}(?:\.\d{1,6})?),(-?\d{1,3}(?:\.\d{1,6})?)")
_MAX_POSTCODE = 20
_MAX_CHARS = 100


@dataclass(frozen=True, slots=True)
class HouseholdRules:
    """Choices of the visitor: a species, or all, a household, a place, and words to search for."""

    species: str | None
    household: tuple[str, ...]
    is_given: bool = False
    """The address speaks of the household, even if nobody is in it."""
    must: tuple[str, ...] = ()
    """Other requirements, by field."""
    near: str = ""
    """Place of the visitor: a postcode, or `latitude,longitude`."""
    within: str = ""
    """The greatest distance in km; empty: any."""
    text: str = ""
    """Text of the search; empty: none."""
    as_written: bool = False
    """No typing error of `text` is mended."""

    @classmethod
    def of(cls, request: Request, looking_for: Preferences) -> "HouseholdRules":
        """Return the choices of the address, and those of the quiz where it has no household."""
        given = request.query_params
        if _HOME in given:
            household = [name for name in _WORDS if given.get(name) == "yes"]
        else:
            household = [name for name in _WORDS if getattr(looking_for, name)]
        near, within = given.get("near", "").strip()[:_MAX_POSTCODE], given.get("within", "")
        return cls(
            species=given.get("species"),
            household=tuple(household),
            is_given=_HOME in given,
            must=tuple(name for name in _MUST if given.get(name) == "yes"),
            near=near if near.isprintable() else "",
            within=within if near and within in _WITHIN_KM else "",
            text=given.get("q", "").strip()[:_MAX_CHARS],
            as_written="as-written" in given,
        )

    def rules(self, adopted: Iterable[str]) -> Eligibility:
        """The rules of the answer; who was adopted is not shown."""
        return Eligibility(
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
        """The same without a place."""
        return replace(self, near="", within="")

    def path(self, species: str | None, **more: str) -> str:
        """The page with the same household and another species."""
        chosen = {"q": self.text} if self.text else {}
        chosen |= {"as-written": "yes"} if self.text and self.as_written else {}
        chosen |= {"species": species} if species else {}
        home = dict.fromkeys((_HOME, *self.household), "yes")
        query = chosen | (home if self.is_given or self.household else {})
        query |= {"near": self.near} if self.near else {}
        query |= {"within": self.within} if self.within else {}
        query |= dict.fromkeys(self.must, "yes") | more
        return f"/?{urlencode(query)}" if query else "/"

    def without_household(self) -> str:
        """The page with the same species, whoever the visitor lives with and wherever that is."""
        plain = replace(self, household=(), must=(), within="", is_given=True)
        return plain.path(self.species)

    def searching(self, text: str, *, as_written: bool = False) -> str:
        """The page with all else that is chosen, and other words searched for, or none."""
        return replace(self, text=text, as_written=as_written).path(self.species)

    @property
    def excludes(self) -> bool:
        """Whether something else than the species may keep animals out."""
        return bool(self.household or self.must or self.within)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Each member of a household: its field, what it is called, and whether it is chosen."""
        return [(name, words, name in self.household) for name, words in _WORDS.items()]

    @property
    def demands(self) -> list[tuple[str, str, bool]]:
        """The same of what else may be asked for."""
        return [(name, words, name in self.must) for name, words in _MUST.items()]

    @property
    def distances(self) -> list[tuple[str, str, bool]]:
        """The same of distances."""
        any_distance = ("", "any distance", not self.within)
        return [any_distance, *((km, f"{km} km", km == self.within) for km in _WITHIN_KM)]

    @property
    def call(self) -> dict[str, object]:
        """The rules as an API call says them."""
        given: dict[str, object] = {"species": [self.species]} if self.species else {}
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
