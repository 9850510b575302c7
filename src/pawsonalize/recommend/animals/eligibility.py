"""Eligibility: which animals the visitor's household and wishes rule out, and what is unknown."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from math import nan
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.animal import UNKNOWN, Animal
from pawsonalize.animals.wishes.lexicon import colours_in
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.breeds import UNKNOWN_BREED
from pawsonalize.core.errors import InvalidInput

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Attributes = Mapping[str, str | float | None]
Take = Callable[[str], NDArray[Any]]  # returns a column by its name
IdCodes = Mapping[str, Mapping[str, int]]
NO_CODE = -1
NOWHERE = 0  # the code of an unknown place
_EARTH_KM = 6371.0088
_FEW = 5  # so many comparisons take less than the sorting of `np.isin`
GOOD_WITH: dict[GoodWith | bool | None, int] = {each: code for code, each in enumerate(GoodWith)}
"""Codes of answers about the household; a yes or no is stored in the same form."""
_YES, _NO = GOOD_WITH[GoodWith.YES], GOOD_WITH[GoodWith.NO]
GOOD_WITH |= {True: _YES, False: _NO, None: GOOD_WITH[GoodWith.UNKNOWN]}


class Place(msgspec.Struct, frozen=True):
    """A point on the globe, in degrees."""

    latitude: float
    longitude: float


Postcodes = Mapping[str, Place]


def kilometres(here: Place, latitude: Floats, longitude: Floats) -> Floats:
    """Great-circle distances; NaN where a coordinate is NaN."""
    return _arcs(here, _directions(latitude, longitude))


def _directions(latitude: Floats, longitude: Floats) -> Floats:
    """From the middle of the globe, of length 1; shape (3, points)."""
    north, east = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])


def _arcs(here: Place, there: Floats) -> Floats:
    """The lengths of the arcs in kilometres, by their chords; directions as above."""
    chords = there - _directions(np.array([here.latitude]), np.array([here.longitude]))
    chords *= chords
    half = np.sqrt(chords.sum(axis=0)) / 2
    return np.asarray(2 * _EARTH_KM * np.arcsin(np.minimum(half, 1)))


def postcode_key(text: str) -> str:
    """A postcode in one spelling, without the differences of how people write it."""
    return "".join(letter for letter in text.upper() if letter.isalnum())


# GeoNames has the first part alone of British, Canadian and Dutch postcodes, and of a ZIP+4.
_FIRST_PART = re.compile(r"\w{2,4}(?=\d[A-Z][A-Z\d]$)|\d{4}(?=[A-Z]{2}$)|\d{5}(?=\d{4}$)")


def find_place(postcode: str, postcodes: Postcodes) -> Place | None:
    """Return where a postcode lies, or else its first part; None if the table has neither."""
    key = postcode_key(postcode)
    first = _FIRST_PART.match(key)
    return postcodes.get(key) or (postcodes.get(first[0]) if first else None)


def place_of(animal: Animal, postcodes: Postcodes) -> Place | None:
    """Return the place of an animal: its coordinates, or its postcode; None if unknown."""
    if animal.latitude is not None and animal.longitude is not None:
        return Place(animal.latitude, animal.longitude)
    return find_place(animal.postcode, postcodes)


def unplaced(animals: Iterable[Animal], postcodes: Postcodes) -> list[Animal]:
    """Return the animals that have a postcode, and no place by it."""
    return [one for one in animals if one.postcode and place_of(one, postcodes) is None]


class Places:
    """Codes of places; thousands of animals share their shelter's."""

    def __init__(self) -> None:
        self._codes: dict[Place | None, int] = {None: NOWHERE}
        self._points: list[tuple[float, float]] = [(nan, nan)]
        self._there = np.empty((3, 0))  # where the points lie: to find out takes milliseconds
        self._last: tuple[Place, Floats] | None = None

    def __len__(self) -> int:
        return len(self._points)

    def code(self, place: Place | None) -> int:
        """The place's; NOWHERE for None."""
        code = self._codes.setdefault(place, len(self._points))
        if place is not None and code == len(self._points):
            self._points.append((place.latitude, place.longitude))
        return code

    def point(self, code: int) -> Place | None:
        """The place of a code; None of NOWHERE."""
        return None if code == NOWHERE else Place(*self._points[code])

    def kilometres(self, here: Place) -> Floats:
        """Return the distance of each place by code; NaN for NOWHERE. The last answer is kept."""
        if self._last is None or self._last[0] != here or len(self._last[1]) < len(self._points):
            if self._there.shape[1] < len(self._points):
                self._there = _directions(*np.array(self._points).T)
            self._last = here, _arcs(here, self._there)
        return self._last[1]


class Denied(msgspec.Struct, frozen=True):
    """The animals that must not appear, by the id of the animal, its breed or its group."""

    animals: frozenset[str] = frozenset()
    breeds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


NOBODY = Denied()


class Eligibility(msgspec.Struct, frozen=True):
    """The hard rules: a known "no" excludes an animal, an unknown answer does not."""

    kids: bool | None = None
    """True if children live with the visitor; None if the request does not say."""
    dogs: bool | None = None
    cats: bool | None = None
    species: frozenset[str] = frozenset()  # ids; empty for all. So are sizes, ages and sexes
    sizes: frozenset[str] = frozenset()
    ages: frozenset[str] = frozenset()
    sexes: frozenset[str] = frozenset()
    breeds: frozenset[str] = frozenset()  # any of an animal's two; so of its colours
    colours: frozenset[str] = frozenset()
    """Colours as searches name them, such as `black` or `tabby`."""
    house_trained: bool | None = None  # None if either is fine. So is `special_needs`
    special_needs: bool | None = None
    max_fee: float | None = None
    place: Place | None = None
    """Place of the visitor; without `max_distance_km` it excludes no animal, it only weighs."""
    postcode: str = ""
    """Postcode of the visitor, if the request has one; `complete` makes a place of it."""
    max_distance_km: float | None = None
    denied: Denied = NOBODY

    @property
    def household(self) -> tuple[str, ...]:
        """Household of the visitor."""
        return tuple(name for name in ("kids", "dogs", "cats") if getattr(self, name))

    def without(self, animals: Set[str]) -> "Eligibility":
        """The same rules, without these animals."""
        denied = replace(self.denied, animals=self.denied.animals | animals)
        return replace(self, denied=denied)

    def complete(self, stored: Attributes, postcodes: Postcodes) -> "Eligibility":
        """The same, where the request says nothing by what is stored of the user.

        That is in KIDS, DOGS and CATS (`yes` or `no`), LATITUDE and LONGITUDE or POSTCODE,
        MAX_DISTANCE_KM and MAX_FEE, if it can be read. InvalidInput for an unknown postcode, and a
        distance without place.
        """
        place = self.place or _place_of(self.postcode, stored, postcodes)
        if place is None and self.max_distance_km is not None:
            raise InvalidInput(
                "maxDistanceKm needs a place: send latitude and longitude, or a postcode",
                field="maxDistanceKm",
            )
        changes: dict[str, object] = {"place": place, "postcode": ""}
        for name in ("kids", "dogs", "cats"):
            if getattr(self, name) is None:
                changes[name] = stored.get(name.upper()) == "yes"
        for name in ("max_fee", "max_distance_km"):
            if getattr(self, name) is None:
                changes[name] = _number(stored.get(name.upper()))
        return replace(self, **changes)


ANYBODY = Eligibility()


class EligibilityVerdict(msgspec.Struct, frozen=True):
    """Animals that pass, and the number of rules of unknown answer, both of shape (animals,)."""

    passing: Mask
    uncertain: NDArray[np.int16]
    rule_count: int


def judge(rules: Eligibility, take: Take, count: int, codes: IdCodes) -> EligibilityVerdict:
    """The verdict on `count` animals with these columns, by the codes of their ids."""
    passing = np.ones(count, np.bool_)
    denied = rules.denied
    for name, code, names in (
        ("species", "species", rules.species),
        ("slot", "animal", denied.animals),
        ("breed", "breed", denied.breeds),
        ("second", "breed", denied.breeds),
        ("group", "group", denied.groups),
    ):
        if names:
            among = _among(take(name), names, codes[code])
            passing &= among if code == "species" else ~among
    uncertain = np.zeros(count, np.int16)
    rule_count = 0
    for excluded, unknown in _answers(rules, take, codes):
        passing &= ~excluded
        uncertain += unknown
        rule_count += 1
    return EligibilityVerdict(passing, uncertain, rule_count)


def _answers(rules: Eligibility, take: Take, codes: IdCodes) -> Iterator[tuple[Mask, Mask]]:
    """By rule: the animals it excludes, and those it is unknown for; `selective` is unknown."""
    for name in rules.household:
        column = take(name)
        yield column == _NO, (column != _YES) & (column != _NO)
    for name, wanted in (("size", rules.sizes), ("age", rules.ages), ("sex", rules.sexes)):
        if wanted:
            column = take(name)
            unknown = column == codes[name].get(UNKNOWN, NO_CODE)
            yield ~unknown & ~_among(column, wanted, codes[name]), unknown
    if rules.breeds:
        column, known = take("breed"), codes["breed"]
        fits = _among(column, rules.breeds, known) | _among(take("second"), rules.breeds, known)
        unknown = column == known.get(UNKNOWN_BREED, NO_CODE)
        yield ~unknown & ~fits, unknown
    if rules.colours:
        column, known = take("colours"), codes["colours"]
        wanted = frozenset(one for one in known if rules.colours & colours_in(one))
        unknown = column == known.get("", NO_CODE)
        yield ~unknown & ~_among(column, wanted, known), unknown
    for name, condition in (("trained", rules.house_trained), ("needs", rules.special_needs)):
        if condition is not None:
            column = take(name)
            yield column == (_NO if condition else _YES), (column != _YES) & (column != _NO)
    if rules.max_fee is not None:
        fee = take("fee")
        yield fee > rules.max_fee, np.isnan(fee)
    if rules.place is not None and rules.max_distance_km is not None:
        far = take("kilometres")
        yield far > rules.max_distance_km, np.isnan(far)


def _among(values: NDArray[Any], names: frozenset[str], codes: Mapping[str, int]) -> Mask:
    wanted = [codes[name] for name in sorted(names) if name in codes]
    if len(wanted) > _FEW:
        return np.isin(values, wanted)
    found = np.zeros(len(values), np.bool_)
    for code in wanted:
        found |= values == code
    return found


def _place_of(postcode: str, stored: Attributes, postcodes: Postcodes) -> Place | None:
    """The place of the request's postcode, or else the stored one; None if there is neither."""
    if postcode:
        place = find_place(postcode, postcodes)
        if place is None:
            raise InvalidInput(
                f"the postcode {postcode} is not in the postcode table: send latitude and"
                " longitude",
                field="postcode",
            )
        return place
    latitude, longitude = _number(stored.get("LATITUDE")), _number(stored.get("LONGITUDE"))
    if latitude is not None and longitude is not None:
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            return Place(latitude, longitude)
        return None
    return find_place(str(stored.get("POSTCODE") or ""), postcodes) if postcodes else None


def _number(stored: str | float | None) -> float | None:
    try:
        found = float("" if stored is None else stored)  # 0 is a number: Greenwich has it
    except ValueError:
        return None
    return found if found >= -180 else None
