"""The operator's table of where postcodes lie: GeoNames' as it is downloaded, or a CSV file."""

import csv
import io
import zipfile
from collections.abc import Iterator

from pawsonalize.core.errors import InvalidInput
from pawsonalize.recommend.animals.eligibility import Place, postcode_key

_COLUMNS = {"postcode", "latitude", "longitude"}
_GEONAMES = 12  # columns: country, postcode, place, six of regions, latitude, longitude, accuracy
_ZIP = b"PK\x03\x04"


def read_postcodes(content: bytes, countries: str = "") -> dict[str, Place]:
    """Read a table of places by postcode.

    It is GeoNames' (tabs between, no header: `US.txt`, `allCountries.txt`, or the zip file around
    it), or CSV with the columns postcode, latitude and longitude. `countries` are those whose rows
    of GeoNames' are read, commas between; empty: all. Of a postcode with several places the first
    counts. InvalidInput names a line, or a postcode that two countries have.
    """
    wanted = {one.strip().upper() for one in countries.split(",") if one.strip()}
    places: dict[str, Place] = {}
    owners: dict[str, str] = {}
    for line, country, postcode, latitude, longitude in _rows(_text(content)):
        if wanted and country and country not in wanted:
            continue
        key = postcode_key(postcode)
        if (owner := owners.setdefault(key, country)) != country:
            raise InvalidInput(
                f"the postcode {postcode} is in {owner} and in {country}: set postcode_countries to"
                " those of your visitors",
                field="postcode_countries",
            )
        if key not in places:
            places[key] = _place(line, latitude, longitude)
    if not places:
        raise InvalidInput(f"the postcode table has no postcode of {countries or 'any country'}")
    return places


def _text(content: bytes) -> str:
    if content.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            tables = [one for one in packed.namelist() if not one.lower().startswith("readme")]
            if len(tables) != 1:
                raise InvalidInput(
                    f"the zip file of postcodes has {len(tables)} tables: name one that has one"
                )
            content = packed.read(tables[0])
    # Spreadsheet programs begin a file with a byte order mark.
    return content.decode("utf-8-sig")


def _rows(text: str) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield line, country ("" in CSV), postcode, latitude and longitude."""
    if text.partition("\n")[0].count("\t") == _GEONAMES - 1:
        for line, row in enumerate(text.split("\n"), 1):
            cells = row.split("\t")
            if row.strip() and len(cells) != _GEONAMES:
                raise InvalidInput(
                    f"line {line} of the postcode table has {len(cells)} columns, not {_GEONAMES}"
                )
            if row.strip() and cells[9]:  # a few have no place
                yield line, cells[0], cells[1], cells[9], cells[10]
        return
    table = csv.DictReader(io.StringIO(text))
    if not set(table.fieldnames or ()) >= _COLUMNS:
        raise InvalidInput(
            "a postcode table is one of GeoNames, or has the columns postcode, latitude and"
            " longitude"
        )
    for one in table:
        yield table.line_num, "", one["postcode"], one["latitude"] or "", one["longitude"] or ""


def _place(line: int, latitude: str, longitude: str) -> Place:
    try:
        place = Place(float(latitude), float(longitude))
    except ValueError as error:
        raise InvalidInput(
            f"line {line} of the postcode table has no two numbers for its place"
        ) from error
    if not (abs(place.latitude) <= 90 and abs(place.longitude) <= 180):
        raise InvalidInput(f"line {line} of the postcode table lies on no globe")
    return place
