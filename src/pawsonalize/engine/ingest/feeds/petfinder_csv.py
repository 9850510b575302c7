"""The CSV that shelter systems send to Petfinder.

Columns: ID, AnimalName, PrimaryBreed, SecondaryBreed, Sex (M, F), Size (S, M, L, XL), Age, Desc,
Type, Status (A adoptable, H held, F found, P pending, X adopted), Altered, NoDogs, NoCats,
NoKids (1 not good, 0 good), Housetrained, specialNeeds, Mix, photo1…, arrival_date, birth_date,
primaryColor…, coat_length, adoption_fee.
"""

from collections.abc import Iterator
from itertools import chain

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.feeds.feed import FeedRow, read_rows
from pawsonalize.engine.ingest.feeds.table import Record, read_table
from pawsonalize.engine.ingest.feeds.table_form import AS_USUAL, TableForm
from pawsonalize.engine.ingest.feeds.words import all_of, amount, first_of, flag
from pawsonalize.engine.ingest.inventory.form import AnimalForm

_PHOTOS = tuple(f"PHOTO{place}" for place in range(1, 7))
_COLOURS = ("PRIMARYCOLOR", "SECONDARYCOLOR", "TERTIARYCOLOR")
_COLUMNS = (
    *("ID", "ANIMALNAME", "PRIMARYBREED", "SECONDARYBREED", "SEX", "SIZE", "AGE", "DESC", "TYPE"),
    *("STATUS", "ALTERED", "NODOGS", "NOCATS", "NOKIDS", "HOUSETRAINED", "SPECIALNEEDS", "MIX"),
    *("ARRIVAL_DATE", "BIRTH_DATE", "COAT_LENGTH", "ADOPTION_FEE"),
    *_PHOTOS,
    *_COLOURS,
)
_DATES = ("ARRIVAL_DATE", "BIRTH_DATE")
_REQUIRED = ("ID", "ANIMALNAME", "PRIMARYBREED", "TYPE")
_STATUSES = {
    "": "available",
    "A": "available",
    "H": "hold",
    "F": "hold",
    "P": "pending",
    "X": "adopted",
}


def is_petfinder_csv(content: bytes) -> bool:
    """Whether a file's first line names this format's columns."""
    header = content[:2_000].partition(b"\n")[0].upper()
    return all(name.encode() in header for name in ("ANIMALNAME", "PRIMARYBREED", "NOKIDS"))


def read_petfinder_csv(content: bytes, form: TableForm = AS_USUAL) -> Iterator[FeedRow]:
    """The file's rows."""
    for row in read_table(content, _COLUMNS, _REQUIRED, _DATES, form):
        if isinstance(row, FeedRow):
            yield row
        else:
            yield from read_rows([row], lambda record: record["ID"], _form)


def _form(row: Record) -> AnimalForm:
    told = {name: row.get(name, "") for name in _COLUMNS}
    return AnimalForm(
        id=told["ID"],
        species=told["TYPE"],
        breed=told["PRIMARYBREED"],
        secondary_breed=told["SECONDARYBREED"],
        mixed=flag(told["MIX"], "Mix"),
        birth_date=told["BIRTH_DATE"],
        age=told["AGE"],
        size=told["SIZE"],
        sex=told["SEX"],
        name=told["ANIMALNAME"],
        status=_status(told["STATUS"]),
        intake_at=first_of(told["ARRIVAL_DATE"]),
        coat=told["COAT_LENGTH"],
        colours=all_of(*(told[name] for name in _COLOURS)),
        altered=flag(told["ALTERED"], "Altered"),
        house_trained=flag(told["HOUSETRAINED"], "Housetrained"),
        special_needs=flag(told["SPECIALNEEDS"], "specialNeeds"),
        good_with_kids=_not(flag(told["NOKIDS"], "NoKids")),
        good_with_dogs=_not(flag(told["NODOGS"], "NoDogs")),
        good_with_cats=_not(flag(told["NOCATS"], "NoCats")),
        photos=all_of(*(told[name] for name in _PHOTOS)),
        fee=amount(told["ADOPTION_FEE"], "adoption_fee"),
        description=told["DESC"],
    )


def _status(code: str) -> str:
    if code.upper() not in _STATUSES:
        raise InvalidInput(f"Status must be one of {', '.join(chain(_STATUSES))}", field="Status")
    return _STATUSES[code.upper()]


def _not(told: bool | None) -> bool | None:
    return None if told is None else not told
