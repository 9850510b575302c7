"""Uploaded files: recognised, mended by choices, tried without a change, imported."""

import msgspec
import pytest

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.times import DAY
from pawsonalize.plugins.feeds.mapping import Meanings
from pawsonalize.plugins.feeds.uploads import FeedUpload, UploadedFile, UploadReading, Uploads
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from tests.animal_data import animal
from tests.event_data import T0

SHELTER = (
    "Animal ID;Kind;Race;Came In;Size;Note\n"
    "a1;Dog;Beagle;13/02/2023;large;first\n"
    "a2;Cat;Siamese;05/02/2023;wee;Müsli\n"
    "a3;Zyx;Qqq;06/02/2023;small;\n"
    "a4;Dog;Beagle;07/02/2023;;\n"
).encode("cp1252")
MENDED = {"KIND": "SPECIES", "RACE": "BREED", "CAME IN": "INTAKEAT"}


@pytest.fixture
def uploads(database: Database) -> Uploads:
    return Uploads(Registry(Resources(database)), Animals(database))


def kept(
    uploads: Uploads, content: bytes = SHELTER, now: int = T0, *, complete: bool = False
) -> FeedUpload:
    new = FeedUpload(
        name="",
        file="animals\u202e\0.csv",
        written_at=now,
        source="north",
        complete=complete,
        reading=UploadReading(format=""),
    )
    return uploads.keep(new, content, now)


def mended(uploads: Uploads, upload: FeedUpload, **columns: str) -> FeedUpload:
    reading = msgspec.structs.replace(
        upload.reading, columns={**upload.reading.columns, **(columns or MENDED)}
    )
    chosen = msgspec.structs.replace(upload, reading=reading)
    return uploads.choose(chosen, upload.reading, T0)


def test_columns_are_taken_for_what_they_are_named_or_look_like(uploads: Uploads) -> None:
    own = kept(
        uploads, b"animal_id,species,good wiht kids,DOB,notes\na1,dog,yes,2020-05-17,x\n"
    ).reading
    assert own.format == "csv"
    assert own.columns == {
        "ANIMAL_ID": "ID",
        "SPECIES": "SPECIES",
        "GOOD WIHT KIDS": "GOODWITHKIDS",
        "DOB": "BIRTHDATE",
        "NOTES": "DESCRIPTION",
    }
    preset = kept(uploads, b"ID,Type,AnimalName,PrimaryBreed,NoKids,Odd\n1,Dog,Rex,Beagle,1,x\n")
    assert preset.reading.format == "petfinder-csv"
    assert preset.reading.columns["NOKIDS"] == "NOKIDS"
    assert preset.reading.columns["ODD"] == ""
    assert not kept(uploads, b'{"id": "a1", "species": "dog"}\n').reading.columns


def test_a_dry_run_writes_nothing_and_says_what_the_import_then_does(uploads: Uploads) -> None:
    old = animal("north:gone", "1-Manx-1-1", source="north", listed=T0 - DAY)
    uploads.animals.put([old], T0 - DAY)
    upload = mended(uploads, kept(uploads, complete=True))
    upload = msgspec.structs.replace(upload, meanings={"size": {"wee": "small"}}, allow_shrink=True)
    before = uploads.animals.get_many(["north:a1", "north:gone"])
    tried = uploads.rehearse(upload, T0)
    assert uploads.animals.get_many(["north:a1", "north:gone"]) == before
    assert (tried.created, tried.removed, len(tried.rejected)) == (3, 1, 1)
    assert uploads.run(upload, T0) == tried
    assert uploads.animals.get("north:a2").size == "1"  # type: ignore[union-attr]


def test_columns_and_meanings_are_kept_for_the_next_file_of_the_source(uploads: Uploads) -> None:
    upload = mended(uploads, kept(uploads))
    assert upload.file == "animals.csv"
    uploads.run(msgspec.structs.replace(upload, meanings={"size": {"wee": "small"}}), T0)
    assert Meanings(uploads.registry).of("north") == {"size": {"wee": "small"}}
    following = kept(uploads, SHELTER.replace(b"Note", b"Colours"))
    assert following.reading.columns == {
        **MENDED,
        "ANIMAL ID": "ID",
        "SIZE": "SIZE",
        "COLOURS": "COLOURS",
    }
    assert "size" not in uploads.rehearse(following, T0).unrecognised
    by_command = uploads.kept_reading(SHELTER, "north", len(SHELTER) * 2)
    assert by_command is not None
    assert by_command.form().table.columns["BREED"] == "RACE"
    assert uploads.kept_reading(SHELTER, "south", 999) is None
    assert uploads.kept_reading(b'{"id": "a1", "species": "dog"}', "north", 999) is None


def test_the_guards_of_imports_hold(uploads: Uploads) -> None:
    there = [animal(f"north:{n}", "1-Manx-1-1", source="north", listed=T0 - DAY) for n in range(9)]
    uploads.animals.put(there, T0 - DAY)
    upload = mended(uploads, kept(uploads, complete=True))
    for attempt in (uploads.rehearse, uploads.run):
        with pytest.raises(Conflict, match="9 of 9 listed animals are not in this feed"):
            attempt(upload, T0)
    assert uploads.get(upload.name) == upload
    allowed = msgspec.structs.replace(upload, allow_shrink=True)
    assert uploads.run(allowed, T0).removed == 9


def test_two_columns_for_one_field_are_refused_by_name(uploads: Uploads) -> None:
    upload = mended(uploads, kept(uploads), **{**MENDED, "NOTE": "BREED"})
    with pytest.raises(InvalidInput, match="RACE and NOTE are both taken for breed"):
        uploads.rehearse(upload, T0)


def test_a_file_that_no_choice_can_mend_is_not_kept(uploads: Uploads) -> None:
    with pytest.raises(InvalidInput, match="no Excel workbook"):
        kept(uploads, b"PK\x03\x04 a workbook")
    assert not list(uploads.registry.all(FeedUpload))
    odd = kept(uploads, b"a\0,b\n1,2\n")
    with pytest.raises(InvalidInput, match="control characters"):
        uploads.rehearse(odd, T0)


def test_another_separator_finds_the_columns_anew(uploads: Uploads) -> None:
    upload = kept(uploads, b"id,species|x,y\na1,dog|1,2\n")
    assert set(upload.reading.columns) == {"ID", "SPECIES|X", "Y"}
    reading = msgspec.structs.replace(upload.reading, separator="|")
    chosen = msgspec.structs.replace(upload, reading=reading)
    found = uploads.choose(chosen, upload.reading, T0).reading.columns
    assert set(found) == {"ID,SPECIES", "X,Y"}


def test_uploads_are_forgotten_after_the_import_or_a_day(uploads: Uploads) -> None:
    imported = mended(uploads, kept(uploads))
    uploads.run(imported, T0)
    with pytest.raises(NotFound, match="upload it again"):
        uploads.get(imported.name)
    refused = kept(uploads, SHELTER.replace(b"Kind", b"Species").replace(b"Dog", b"Qxq"))
    uploads.forget_old(T0 + DAY)
    assert uploads.get(refused.name) == refused
    uploads.forget_old(T0 + DAY + 1)
    assert not list(uploads.registry.all(UploadedFile))
