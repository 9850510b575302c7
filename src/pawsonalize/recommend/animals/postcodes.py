"""The operator's table of where postcodes lie: GeoNames' as it is downloaded, or a CSV file."""

import csv
import io
import zipfile
from operator import itemgetter

from pawsonalize.core.errors import InvalidInput
from pawsonalize.recommend.animals.eligibility import Place, postcode_key

_COLUMNS = ("postcode", "latitude", "longitude")
_GEONAMES = ("country", "postcode", *"1234567", "latitude", "longitude", "accuracy")
_ZIP = b"PK\x03\x04"


def read_postcodes(content: bytes, countries: str = "") -> dict[str, Place]:
    """Read a table of places by postcode.

    It is GeoNames' (tabs between, no header: `US.txt`, `allCountries.txt`, or the zip file around
    it), or CSV with the columns postcode, latitude and longitude. `countries` are those whose rows
    of GeoNames' are read, commas between; empty: all. Of a postcode with several places the first
    counts. InvalidInput names a line, or a postcode that two countries have.
    """
    wanted = {one.strip().upper() for one in countries.split(",") if one.strip()}
    text = _text(content)
    is_geonames = text.partition("\n")[0].count("\t") == len(_GEONAMES) - 1
    rows = csv.reader(io.StringIO(text))
    if is_geonames:
        rows = csv.reader(io.StringIO(text), "excel-tab", quoting=csv.QUOTE_NONE)
    names = list(_GEONAMES) if is_geonames else next(rows, [])
    if not set(_COLUMNS) <= set(names):
        raise InvalidInput(
            "a postcode table is one of GeoNames, or has the columns postcode, latitude, longitude"
        )
    columns = itemgetter(*map(names.index, _COLUMNS))
    places: dict[str, Place] = {}
    owners: dict[str, str] = {}
    for cells in filter(None, rows):
        country = cells[0] if is_geonames else ""
        if wanted and is_geonames and country not in wanted:
            continue
        try:
            postcode, *point = columns(cells)
            if is_geonames and not any(point):  # a few have none
                continue
            place = Place(*map(float, point))
        except (IndexError, ValueError) as error:
            wrong = f"line {rows.line_num} of the postcode table has no two numbers for its place"
            raise InvalidInput(wrong) from error
        if not (abs(place.latitude) <= 90 and abs(place.longitude) <= 180):
            raise InvalidInput(f"line {rows.line_num} of the postcode table lies on no globe")
        places.setdefault(key := postcode_key(postcode), place)
        if (owner := owners.setdefault(key, country)) != country:
            raise InvalidInput(
                f"the postcode {postcode} is in {owner} and in {country}: set postcode_countries to"
                " those of your visitors",
                field="postcode_countries",
            )
    if not places:
        raise InvalidInput(f"the postcode table has no postcode of {countries or 'any country'}")
    return places


def _text(content: bytes) -> str:
    if content.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            tables = [one for one in packed.namelist() if not one.lower().startswith("readme")]
            if len(tables) != 1:
                raise InvalidInput(f"the zip file of postcodes has {len(tables)} tables, not one")
            content = packed.read(tables[0])
    # Spreadsheet programs begin a file with a byte order mark.
    return content.decode("utf-8-sig")
