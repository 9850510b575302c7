"""Places of animals and visitors, and distances between them."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput

Floats = NDArray[np.float64]
_EARTH_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class Place:
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


def place_of(animal: Animal, postcodes: Postcodes) -> Place | None:
    """Return the place of an animal: its coordinates, or its postcode; None if unknown."""
    if animal.latitude is not None and animal.longitude is not None:
        return Place(animal.latitude, animal.longitude)
    return postcodes.get(postcode_key(animal.postcode))


def read_postcodes(text: str) -> dict[str, Place]:
    """A CSV table with the columns postcode, latitude and longitude; InvalidInput names a line."""
    rows = csv.DictReader(io.StringIO(text))
    if not {"postcode", "latitude", "longitude"} <= set(rows.fieldnames or ()):
        raise InvalidInput("a postcode table has the columns postcode, latitude and longitude")
    places = {}
    for row in rows:
        try:
            place = Place(float(row["latitude"]), float(row["longitude"]))
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"line {rows.line_num} of the postcode table has no two numbers for its place"
            ) from error
        if not (abs(place.latitude) <= 90 and abs(place.longitude) <= 180):
            raise InvalidInput(f"line {rows.line_num} of the postcode table lies on no globe")
        places[postcode_key(row["postcode"])] = place
    return places


NOWHERE = 0
"""The code of an unknown place."""


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

    def kilometres(self, here: Place) -> Floats:
        """Return the distance of each place by code; NaN for NOWHERE. The last answer is kept."""
        if self._last is None or self._last[0] != here or len(self._last[1]) < len(self._points):
            if self._there.shape[1] < len(self._points):
                self._there = _directions(*np.array(self._points).T)
            self._last = here, _arcs(here, self._there)
        return self._last[1]
