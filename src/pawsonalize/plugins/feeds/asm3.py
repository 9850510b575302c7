"""The adoptable animals of ASM3 (sheltermanager), JSON or CSV.

Its feed also carries the names, addresses and phones of owners. Only `READ_FIELDS` are ever taken
out of a file, so nothing of that kind is stored, logged or shown. Its codes for good-with
and house-trained are 0 yes, 1 no, 2 unknown, 3 selective; for sizes 0, the largest, to 3. Fees are
in cents.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Raw

from pawsonalize.animals.listings import AnimalForm
from pawsonalize.core.forms.decoder import decode
from pawsonalize.plugins.feeds import rows

Cell = str | int | float | None


READ_FIELDS = (
    *("id", "sheltercode", "animalname", "speciesname", "breedname", "breedname1", "breedname2"),
    *("crossbreed", "basecolourname", "coattypename", "sexname", "size", "dateofbirth", "neutered"),
    *("ishousetrained", "isgoodwithchildren", "isgoodwithdogs", "isgoodwithcats", "fee"),
    *("hasspecialneeds", "mostrecententrydate", "websitemedianotes", "animalcomments"),
    *("bondedanimalid", "sitename", "ishold", "isnotavailableforadoption", "hasactivereserve"),
    *("archived", "activemovementtype", "activemovementdate", "deceaseddate", "photourls"),
    "websiteimagecount",
)
_COLUMNS = tuple(map(str.upper, READ_FIELDS))
_CELLS = [(name, list[Any] | Cell if name == "photourls" else Cell, None) for name in READ_FIELDS]
_ANIMAL: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    msgspec.defstruct("AsmAnimal", _CELLS, rename="upper")
)
_DATES = ("DATEOFBIRTH", "MOSTRECENTENTRYDATE", "ACTIVEMOVEMENTDATE", "DECEASEDDATE")
_LIST = msgspec.json.Decoder(list[Raw])
_FLAGS = {"1": True, "0": False}
_SIZES = {"0": "extra large", "1": "large", "2": "medium", "3": "small"}
_GOOD_WITH = {"0": "yes", "1": "no", "2": "unknown", "3": "selective", "": "unknown"}
_ADOPTION = "1"
_MOST_PICTURES = 10


def image_service(address: str) -> str:
    """Return the address of the pictures for a feed of ASM3's service; "" for other addresses."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    if "method" not in query:
        return ""
    # Nothing of the feed's own address goes on but the account: the rest is a password.
    kept = {name: query[name] for name in ("account",) if name in query}
    values = urlencode({**kept, "method": "animal_image"})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, values, ""))


def read_asm3_json(content: bytes, service: str = "") -> Iterator[rows.FeedRow]:
    """Yield the animals of a JSON list; `service` is the address of their pictures."""

    def form_of(animal: Any) -> AnimalForm:
        cells = msgspec.structs.asdict(animal)
        texts = {name: _text(cell) for name, cell in cells.items()}
        return _form(texts, service, cells["photourls"])

    # A decoder's message may quote what we do not want to read.
    reason, raws = "a field is not text or a number", decode(_LIST, content)
    return rows.read_records(raws, _ANIMAL, lambda one: _text(one.id), form_of, reason)


def read_asm3_csv(
    content: bytes, form: rows.TableForm = rows.AS_USUAL, service: str = ""
) -> Iterator[rows.FeedRow]:
    """Yield the animals of a CSV file; `service` is the address of their pictures."""

    def form_of(record: rows.Record) -> AnimalForm:
        cells = dict.fromkeys(READ_FIELDS, "") | {name.lower(): one for name, one in record.items()}
        return _form(cells, service)

    table = rows.read_table(content, _COLUMNS, ("ID", "SPECIESNAME"), _DATES, form)
    return rows.read_rows(table, lambda record: record["ID"], form_of)


def _form(animal: rows.Record, service: str, photos: Any = None) -> AnimalForm:
    return AnimalForm(
        id=animal["id"],
        species=animal["speciesname"],
        breed=rows.first_of(animal["breedname1"], animal["breedname"]),
        secondary_breed=animal["breedname2"],
        mixed=_FLAGS.get(animal["crossbreed"]),
        birth_date=animal["dateofbirth"],
        size=_SIZES.get(animal["size"]),
        sex=animal["sexname"],
        name=animal["animalname"],
        status=_status(animal),
        intake_at=rows.first_of(animal["mostrecententrydate"]),
        outcome_at=_left_at(animal),
        shelter=animal["sitename"],
        bonded_unit=_bonded(animal),
        coat=animal["coattypename"],
        colours=rows.all_of(animal["basecolourname"]),
        altered=_FLAGS.get(animal["neutered"]),
        house_trained={"0": True, "1": False}.get(animal["ishousetrained"]),
        special_needs=_FLAGS.get(animal["hasspecialneeds"]),
        good_with_kids=_GOOD_WITH.get(animal["isgoodwithchildren"]),
        good_with_dogs=_GOOD_WITH.get(animal["isgoodwithdogs"]),
        good_with_cats=_GOOD_WITH.get(animal["isgoodwithcats"]),
        fee=_fee(animal["fee"]),
        photos=_photos(animal, service, photos),
        description=rows.first_of(animal["websitemedianotes"], animal["animalcomments"]),
    )


def _status(animal: rows.Record) -> str:
    yes = {name for name, cell in animal.items() if cell == "1"}
    if animal["deceaseddate"]:
        return "removed"
    if animal["activemovementtype"] == _ADOPTION:
        return "adopted"
    if "archived" in yes:
        return "removed"
    if {"ishold", "isnotavailableforadoption"} & yes:
        return "hold"
    return "pending" if "hasactivereserve" in yes else "available"


def _left_at(animal: rows.Record) -> str | None:
    has_left = animal["activemovementtype"] == _ADOPTION or animal["archived"] == "1"
    at = rows.first_of(animal["deceaseddate"], animal["activemovementdate"] if has_left else "")
    # A date before its newest entry is of an earlier stay.
    return at if at and at >= animal["mostrecententrydate"] else None


def _photos(animal: rows.Record, service: str, listed: object) -> list[str]:
    """Return the addresses: of a list in JSON, of a text like one in CSV, or the service's."""
    texts = re.split(r"[\s,|;\[\]'\"]+", animal["photourls"])
    found = map(str, listed) if isinstance(listed, list) else texts
    addresses = [one for one in found if one.startswith(("http://", "https://"))]
    if addresses or not service:
        return addresses
    count = animal["websiteimagecount"]
    pictures = min(int(count), _MOST_PICTURES) if count.isdecimal() and len(count) < 4 else 0
    of_animal = urlencode({"animalid": animal["id"]})
    return [f"{service}&{of_animal}&seq={place}" for place in range(1, pictures + 1)]


def _bonded(animal: rows.Record) -> str | None:
    # One name for both of a pair, whichever of them comes first.
    other = animal["bondedanimalid"]
    return "+".join(sorted((animal["id"], other))) if other not in {"", "0"} else None


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()


def _fee(cents: str) -> float | str | None:
    try:
        return float(cents) / 100 or None
    except ValueError:
        return cents
