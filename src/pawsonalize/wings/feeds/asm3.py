"""The adoptable animals of ASM3 (sheltermanager), JSON or CSV.

Its feed also carries the names, addresses and phones of owners. Only the fields of `AsmAnimal`
are ever taken out of a file, so nothing of that kind is stored, logged or shown. Its codes are
0 yes, 1 no, 2 unknown, 3 selective for good-with and house-trained; sizes from 0, the largest, to
3; fees in cents.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Raw

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.animal_form import AnimalForm
from pawsonalize.engine.ingest.decoder import decode
from pawsonalize.wings.feeds.rows import (
    AS_USUAL,
    FeedRow,
    TableForm,
    all_of,
    first_of,
    named_in,
    read_rows,
    read_table,
)

Cell = str | int | float | None


class AsmAnimal(msgspec.Struct, frozen=True, rename="upper"):
    """All that is read of one animal."""

    id: Cell = None
    sheltercode: Cell = None
    animalname: Cell = None
    speciesname: Cell = None
    breedname: Cell = None
    breedname1: Cell = None
    breedname2: Cell = None
    crossbreed: Cell = None
    basecolourname: Cell = None
    coattypename: Cell = None
    sexname: Cell = None
    size: Cell = None
    dateofbirth: Cell = None
    neutered: Cell = None
    ishousetrained: Cell = None
    isgoodwithchildren: Cell = None
    isgoodwithdogs: Cell = None
    isgoodwithcats: Cell = None
    hasspecialneeds: Cell = None
    fee: Cell = None
    mostrecententrydate: Cell = None
    websitemedianotes: Cell = None
    animalcomments: Cell = None
    bondedanimalid: Cell = None
    sitename: Cell = None
    ishold: Cell = None
    isnotavailableforadoption: Cell = None
    hasactivereserve: Cell = None
    archived: Cell = None
    activemovementtype: Cell = None
    activemovementdate: Cell = None
    deceaseddate: Cell = None
    photourls: list[Any] | Cell = None
    websiteimagecount: Cell = None


_COLUMNS = {field.encode_name: field.name for field in msgspec.structs.fields(AsmAnimal)}
_DATES = ("DATEOFBIRTH", "MOSTRECENTENTRYDATE", "ACTIVEMOVEMENTDATE", "DECEASEDDATE")
_LIST = msgspec.json.Decoder(list[Raw])
_ANIMAL = msgspec.json.Decoder(AsmAnimal)
_SIZES = {"0": "extra large", "1": "large", "2": "medium", "3": "small"}
_GOOD_WITH = {"0": "yes", "1": "no", "2": "unknown", "3": "selective", "": "unknown"}
_ADOPTION = "1"
_MOST_PICTURES = 10


def is_asm3_csv(content: bytes) -> bool:
    """Whether a file's first line names this format's columns."""
    header = content[:20_000].partition(b"\n")[0].upper()
    return all(name in header for name in (b"SHELTERCODE", b"SPECIESNAME", b"ANIMALNAME"))


def image_service(address: str) -> str:
    """Where the pictures of a feed from ASM3's service are; "" for other addresses.

    Of the feed's own address, nothing but the account goes on: the rest is a password.
    """
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    if "method" not in query:
        return ""
    kept = {name: query[name] for name in ("account",) if name in query}
    told = urlencode({**kept, "method": "animal_image"})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, told, ""))


def read_asm3_json(content: bytes, service: str = "") -> Iterator[FeedRow]:
    """The animals of a JSON list; `service` is where their pictures are."""
    raws = decode(_LIST, content)
    for place, raw in enumerate(raws, 1):
        try:
            animal = decode(_ANIMAL, raw)
        except InvalidInput:  # whose message may quote what we do not want to read
            yield FeedRow(place, named_in(raw), reason="a field is not text or a number")
            continue
        yield from _read(place, animal, service)


def read_asm3_csv(
    content: bytes, form: TableForm = AS_USUAL, service: str = ""
) -> Iterator[FeedRow]:
    """The animals of a CSV file; `service` is where their pictures are."""
    for row in read_table(content, _COLUMNS, ("ID", "SPECIESNAME"), _DATES, form):
        if isinstance(row, FeedRow):
            yield row
            continue
        place, told = row
        animal = AsmAnimal(**{_COLUMNS[column]: value for column, value in told.items()})
        yield from _read(place, animal, service)


def _read(place: int, animal: AsmAnimal, service: str) -> Iterator[FeedRow]:
    records = [(place, animal)]
    return read_rows(records, lambda one: _text(one.id), lambda one: _form(one, service))


def _form(animal: AsmAnimal, service: str) -> AnimalForm:
    return AnimalForm(
        id=_text(animal.id),
        species=_text(animal.speciesname),
        breed=first_of(_text(animal.breedname1), _text(animal.breedname)),
        secondary_breed=_text(animal.breedname2),
        mixed=_flag(animal.crossbreed),
        birth_date=_text(animal.dateofbirth),
        size=_SIZES.get(_text(animal.size)),
        sex=_text(animal.sexname),
        name=_text(animal.animalname),
        status=_status(animal),
        intake_at=first_of(_text(animal.mostrecententrydate)),
        outcome_at=_left_at(animal),
        shelter=_text(animal.sitename),
        bonded_unit=_bonded(animal),
        coat=_text(animal.coattypename),
        colours=all_of(_text(animal.basecolourname)),
        altered=_flag(animal.neutered),
        house_trained={"0": True, "1": False}.get(_text(animal.ishousetrained)),
        special_needs=_flag(animal.hasspecialneeds),
        good_with_kids=_GOOD_WITH.get(_text(animal.isgoodwithchildren)),
        good_with_dogs=_GOOD_WITH.get(_text(animal.isgoodwithdogs)),
        good_with_cats=_GOOD_WITH.get(_text(animal.isgoodwithcats)),
        fee=_fee(_text(animal.fee)),
        photos=_photos(animal, service),
        description=first_of(_text(animal.websitemedianotes), _text(animal.animalcomments)),
    )


def _status(animal: AsmAnimal) -> str:
    if _text(animal.deceaseddate):
        return "removed"
    if _text(animal.activemovementtype) == _ADOPTION:
        return "adopted"
    if _flag(animal.archived):
        return "removed"
    if _flag(animal.ishold) or _flag(animal.isnotavailableforadoption):
        return "hold"
    return "pending" if _flag(animal.hasactivereserve) else "available"


def _left_at(animal: AsmAnimal) -> str | None:
    """The moment since when it is gone, if it is."""
    left = _text(animal.activemovementtype) == _ADOPTION or _flag(animal.archived)
    moved = _text(animal.activemovementdate) if left else ""
    at = first_of(_text(animal.deceaseddate), moved)
    # A date before its newest entry is of an earlier stay.
    return at if at and at >= _text(animal.mostrecententrydate) else None


def _photos(animal: AsmAnimal, service: str) -> list[str]:
    """The addresses: a list in JSON, in CSV what a list looks like there, or the service's."""
    told = animal.photourls
    found = told if isinstance(told, list) else re.split(r"[\s,|;\[\]'\"]+", _text(told))
    addresses = [str(one) for one in found if str(one).startswith(("http://", "https://"))]
    if addresses or not service:
        return addresses
    count = _text(animal.websiteimagecount)
    pictures = min(int(count), _MOST_PICTURES) if count.isdecimal() and len(count) < 4 else 0
    of_animal = urlencode({"animalid": _text(animal.id)})
    return [f"{service}&{of_animal}&seq={place}" for place in range(1, pictures + 1)]


def _bonded(animal: AsmAnimal) -> str | None:
    """One name for both of a pair, whichever of them comes first."""
    other = _text(animal.bondedanimalid)
    return "+".join(sorted((_text(animal.id), other))) if other not in {"", "0"} else None


def _text(cell: Cell) -> str:
    return "" if cell is None else str(cell).strip()


def _flag(cell: Cell) -> bool | None:
    return {"1": True, "0": False}.get(_text(cell))


def _fee(cents: str) -> float | str | None:
    """The fee; what is no number stays as it is written."""
    try:
        return float(cents) / 100 or None
    except ValueError:
        return cents
