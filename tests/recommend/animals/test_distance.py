"""Distances and postcode tables."""

import io
import zipfile

import numpy as np
import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.recommend.animals.eligibility import Eligibility, Place, find_place, kilometres
from pawsonalize.recommend.animals.postcodes import read_postcodes


def geoname(country: str, postcode: str, latitude: float | str, longitude: float | str) -> str:
    names = ["Place", "Region", "R", "County", "001", "", ""]
    return "\t".join([country, postcode, *names, str(latitude), str(longitude), "4"]) + "\n"


GEONAMES = geoname("US", "95350", 37.7, -121.0) + geoname("US", "95350", 37.8, -121.1)
GEONAMES += geoname("US", "09007", "", "") + geoname("CA", "K1A", 45.4, -75.7)

PARIS, LONDON = Place(48.8566, 2.3522), Place(51.5074, -0.1278)


def test_distances_are_those_of_the_globe() -> None:
    there = np.array([LONDON.latitude, 48.8566, np.nan, -48.8566])
    east = np.array([LONDON.longitude, 2.3522, 0.0, -177.6478])
    far = kilometres(PARIS, there, east)
    assert abs(far[0] - 343.6) < 0.5
    assert far[1] == 0
    assert np.isnan(far[2])
    assert abs(far[3] - 20015.1) < 0.1, "the other end of the world"


def test_a_postcode_is_found_however_it_is_written() -> None:
    table = read_postcodes(b"postcode,latitude,longitude\nsw1a 1aa,51.5,-0.14\n")
    rules = Eligibility(postcode="SW1A1AA", max_distance_km=9).complete({}, table)
    assert rules.place == Place(51.5, -0.14)
    with pytest.raises(InvalidInput, match="not in the postcode table"):
        Eligibility(postcode="X").complete({}, table)
    with pytest.raises(InvalidInput, match="needs a place"):
        Eligibility(max_distance_km=9).complete({}, table)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "postcode,latitude,longitude\n1,x,2\n",
        "postcode,latitude,longitude\n1,95,2\n",
        "postcode,latitude,longitude\n",
        f"{GEONAMES}US\t95352\tModesto\t37\t-121\n",
        f"{GEONAMES}US\n",
    ],
)
def test_a_table_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="postcode table"):
        read_postcodes(text.encode())


def packed(**files: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        for name, content in files.items():
            written.writestr(f"{name}.txt", content)
    return archive.getvalue()


def test_a_table_of_geonames_is_read_as_it_is_downloaded() -> None:
    table = read_postcodes(GEONAMES.encode())
    assert find_place("95350", table) == Place(37.7, -121.0), "the first of its places"
    assert find_place("95350-1234", table) == Place(37.7, -121.0)
    assert find_place("k1a 0b1", table) == find_place("K1A", table) == Place(45.4, -75.7)
    assert find_place("95351", table) is None
    assert read_postcodes(packed(readme="about", US=GEONAMES)) == table
    with pytest.raises(InvalidInput, match="has 2 tables"):
        read_postcodes(packed(US=GEONAMES, DE=GEONAMES))


def test_a_postcode_of_two_countries_needs_a_choice_of_countries() -> None:
    both = (GEONAMES + geoname("DE", "95350", 50.2, 11.8)).encode()
    with pytest.raises(InvalidInput, match="95350 is in US and in DE: set postcode_countries"):
        read_postcodes(both)
    assert read_postcodes(both, "de") == {"95350": Place(50.2, 11.8)}
    assert read_postcodes(both, "US, CA") == read_postcodes(GEONAMES.encode())
    with pytest.raises(InvalidInput, match="no postcode of FR"):
        read_postcodes(both, "FR")


def test_what_is_stored_of_a_user_counts_where_the_request_says_nothing() -> None:
    stored: dict[str, str | float | None] = {
        "KIDS": "yes",
        "CATS": "yes",
        "MAX_FEE": "80",
        "LATITUDE": 1.0,
        "LONGITUDE": 2.0,
    }
    rules = Eligibility(cats=False, dogs=True).complete(stored, {})
    assert rules.household == ("kids", "dogs")
    assert (rules.max_fee, rules.place) == (80.0, Place(1.0, 2.0))
    assert (
        Eligibility().complete({"MAX_FEE": "much", "LATITUDE": 99, "LONGITUDE": 0}, {}).place
        is None
    )


def test_a_stored_zero_is_a_number() -> None:
    rules = Eligibility().complete({"LATITUDE": 51.5, "LONGITUDE": 0.0, "MAX_FEE": 0.0}, {})
    assert (rules.max_fee, rules.place) == (0.0, Place(51.5, 0.0))
