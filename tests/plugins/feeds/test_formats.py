"""Every format tells of the same animals."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.listings import read_listing
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import iso
from pawsonalize.plugins.feeds.asm3 import READ_FIELDS
from pawsonalize.plugins.feeds.formats import detected, feed_of, formats
from pawsonalize.plugins.feeds.presets import presets
from pawsonalize.plugins.feeds.rows import FeedRow
from tests.event_data import T0
from tests.plugins.feeds.samples import ASM3, FILES, OWNERS, TABLES

ALL = pytest.mark.parametrize("name", FILES)


def rows(name: str, content: bytes) -> list[FeedRow]:
    return list(feed_of(content, name)(content))


def animals(name: str) -> list[Animal]:
    found = []
    for row in rows(name, FILES[name]):
        assert row.form is not None, row.reason
        found.append(read_listing(row.form, T0).animal)
    return found


def test_every_format_has_a_sample() -> None:
    assert FILES.keys() | TABLES.keys() == formats().keys()


@ALL
def test_a_file_is_known_by_its_beginning(name: str) -> None:
    assert detected(FILES[name]) == name


@ALL
def test_the_groups_names_and_statuses_are_read(name: str) -> None:
    bella, rex = animals(name)
    assert bella.group_at(T0).id == "2-Labrador_Retriever-3-3"
    assert (bella.animal_id, bella.name, bella.sex) == ("11", "Bella", "female")
    assert (bella.secondary_breed, bella.mixed) == ("Beagle", True)
    assert bella.coat == ("" if name == "shelterluv" else "Short")  # which has no coats
    assert (bella.status, rex.status) == ("available", "hold")
    assert rex.group_at(T0).id in {"2-Poodle-1-4"}


@ALL
def test_households_and_house_training_are_read(name: str) -> None:
    bella, _ = animals(name)
    household = (bella.good_with_kids, bella.good_with_dogs, bella.good_with_cats)
    assert household == ("unknown", "yes", "no")
    assert bella.house_trained is True
    assert bella.description.startswith("Loves walks.")
    assert "Black" in bella.colours


@pytest.mark.parametrize("name", [one for one in FILES if one not in {"csv", "jsonl"}])
def test_photos_are_read_as_addresses(name: str) -> None:
    assert animals(name)[0].photos[0] == "https://example.org/11.jpg"


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_public_shelters_are_known_and_read(name: str) -> None:
    assert detected(TABLES[name]) == name
    (row,) = rows(name, TABLES[name])
    assert row.form is not None
    animal = read_listing(row.form, T0).animal
    assert (animal.animal_id, animal.species, animal.breed) == ("A1", "2", "Cairn_Terrier")
    told = ("unknown", "unknown") if name == "dallas" else ("male", "2")  # which has no columns
    assert (animal.sex, animal.group_at(T0).age) == told
    left = "outcome" in TABLES[name].decode().lower() and name != "chameleon"
    assert animal.status == ("adopted" if left else "available")


def test_an_intake_of_austin_since_2025_is_an_animal_that_waits() -> None:
    intake = b"""\
Id,Source_Date,Animal_Id,Type,Source_Name,Name_At_Intake,IsPreviouslySpayedNeutered,Sex,\
Primary_Breed,Primary_Color,Secondary_Color,Date_Of_Birth,Found_Address
7,2026-04-01T09:00:00.000,A2,Puppy,Stray,Toto,true,Male,Cairn Terrier,Brown,White,2026-01-01,Elm St
"""
    assert detected(intake) == "austin-shelterbuddy"
    (row,) = rows("austin-shelterbuddy", intake)
    assert row.form is not None
    assert not row.says_status
    animal = read_listing(row.form, T0).animal
    assert (animal.animal_id, animal.species, animal.name) == ("A2", "2", "Toto")
    assert (animal.altered, animal.colours) == (True, ("Brown", "White"))
    assert iso(animal.listed_at).startswith("2026-04-01")
    assert "Elm" not in repr(animal)


def test_adopt_a_pets_columns_of_2026_are_stated_in_the_description() -> None:
    header = "Cratetrained,Leash Trained,HeartwormNegative,heartworm_positive,IndoorOnly,"
    header += "FIVPositive,SpecialDietaryNeeds"
    names, first, second = FILES["adoptapet-csv"].decode().splitlines()
    content = f"{names},{header}\n{first},1,0,,1,,0,1\n{second},,,,,,,\n"
    bella, rex = rows("adoptapet-csv", content.encode())
    assert bella.form is not None
    assert rex.form is not None
    said = "Crate-trained. Not leash-trained. Heartworm positive. Needs a special diet."
    assert bella.form.description == f"Loves walks.\n{said}"
    assert rex.form.description is None
    facts = read_listing(bella.form, T0).animal.facts
    answers = {trait: facts[trait].answer for trait in facts}
    yes = dict.fromkeys(("crate_trained", "heartworm", "special_needs"), "yes")
    assert answers == {**yes, "leash": "no"}


def test_records_of_arcgis_are_read_without_their_places() -> None:
    (told,) = json.loads(TABLES["king-county"])
    wrapped = {"features": [{"attributes": told, "geometry": {"x": 1, "y": 2}}]}
    (row,) = rows("king-county", json.dumps(wrapped).encode())
    assert row.form is not None
    assert row.form.name == "Toto"


def test_xml_with_entities_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><a><adoptableSearch><ID>&b;</ID></adoptableSearch></a>'
    with pytest.raises(InvalidInput, match="cannot be read"):
        rows("petpoint", bomb)


@pytest.mark.parametrize("name", ["petfinder-json", "rescuegroups", "jsonl", "csv"])
def test_an_animal_has_a_page_of_its_own_and_a_wish_where_it_is_told(name: str) -> None:
    bella, rex = animals(name)
    assert (bella.url, rex.url) == ("https://example.org/11", "")
    assert bella.priority == (0.5 if name in {"jsonl", "csv"} else 0)
    assert rex.priority == 0


@pytest.mark.parametrize(
    ("age", "birth_date", "band"),
    [
        ("11 months", "2025-05-18", "1"),
        ("1 year", "2025-05-17", "2"),
        ("35 months", "2023-05-18", "2"),
        ("3 years", "2023-05-17", "3"),
        ("7 years 11 months", "2018-05-18", "3"),
        ("8 years", "2018-05-17", "4"),
    ],
)
def test_dogs_of_petfinder_are_young_at_1_year_adult_at_3_and_senior_at_8(
    age: str, birth_date: str, band: str
) -> None:
    names = "ID,AnimalName,PrimaryBreed,NoKids,Type,Age,birth_date"
    content = f"{names}\n1,Rex,Poodle,,Dog,{age},\n2,Max,Poodle,,Dog,,{birth_date}\n"
    forms = [row.form for row in rows("petfinder-csv", content.encode()) if row.form is not None]
    ages = [read_listing(form, T0).animal.group_at(T0).age for form in forms]
    assert ages == [band, band]


@pytest.mark.parametrize("name", ["petfinder-csv", "petfinder-json", "asm3-json", "asm3-csv"])
def test_an_animal_waits_since_it_came(name: str) -> None:
    bella, rex = animals(name)
    assert iso(bella.listed_at).startswith("2026-04-01")
    assert rex.listed_at == T0


@pytest.mark.parametrize("name", ["asm3-json", "petfinder-json"])
def test_an_adoption_is_as_old_as_its_date(name: str) -> None:
    changes = {"ACTIVEMOVEMENTTYPE": 1, "ACTIVEMOVEMENTDATE": "2026-05-04T00:00:00"}
    changes |= {"status": "adopted", "status_changed_at": "2026-05-04T00:00:00+00:00"}
    told = json.loads(FILES[name])
    told = told["animals"] if isinstance(told, dict) else told
    (row,) = rows(name, json.dumps([told[0] | changes]).encode())
    assert row.form is not None
    animal = read_listing(row.form, T0).animal
    assert (animal.status, iso(animal.status_at)[:10]) == ("adopted", "2026-05-04")


@pytest.mark.parametrize("name", ["petfinder-csv", "asm3-json", "asm3-csv", "rescuegroups"])
def test_fees_are_in_the_currencys_unit(name: str) -> None:
    assert animals(name)[0].fee == 150


def test_animals_that_are_bonded_share_a_unit_and_selective_is_an_answer() -> None:
    bella, rex = animals("asm3-json")
    assert bella.bonded_unit == rex.bonded_unit is not None
    assert rex.good_with_dogs == "selective"


@pytest.mark.parametrize("name", ["asm3-json", "asm3-csv"])
def test_nothing_of_owners_is_ever_read_from_asm3(name: str) -> None:
    assert len(OWNERS) == 6
    assert not OWNERS.keys() & set(map(str.upper, READ_FIELDS))
    broken = json.dumps([{**ASM3[0], "ISHOLD": OWNERS}]).encode()
    told = [*rows(name, FILES[name]), *rows("asm3-json", broken)]
    everything = repr(told) + repr([read_listing(row.form, T0) for row in told if row.form])
    for secret in OWNERS.values():
        assert secret not in everything


def test_a_bad_row_says_what_is_wrong_and_costs_no_other() -> None:
    lines = b'{"id": 1, "species": 7.5}\nnot JSON\n{"id": 3, "species": "cat"}\n{"species": "cat"}'
    first, second, third, last = rows("jsonl", lines)
    assert (first.external_id, first.form) == ("1", None)
    assert "species" in first.reason
    assert (second.external_id, second.place) == (None, 2)
    assert third.form is not None
    assert last.reason == "id is missing: send it"
    bad, good = rows("csv", b"id,species\n1,\n2,cat\n")
    assert (bad.reason, bad.external_id) == ("species is missing: fill it in", "1")
    assert good.form is not None


def test_a_list_of_animals_and_a_body_of_the_api_are_read_by_our_names() -> None:
    told: list[dict[str, Any]] = [{"id": 1, "species": "dog", "breed": "Beagle", "sex": "f"}]
    told += [
        {"id": 2, "species": "cat", "status": "adopted"},
        {"id": 3, "species": "cat", "kind": 1},
    ]
    for whole in (told, {"animals": told}):
        for indent in (None, 2):
            content = json.dumps(whole, indent=indent).encode()
            assert detected(content) == "jsonl"
            first, second, third = rows("jsonl", content)
            assert first.form is not None
            assert (first.form.breed, first.form.sex) == ("Beagle", "f")
            assert (second.place, second.external_id) == (2, "2")
            assert list(third.unread) == ["kind"]


def test_a_file_that_lacks_a_column_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInput, match="no column SPECIES"):
        rows("csv", b"id,name\n1,Rex\n")


def test_an_unknown_format_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="petfinder-csv"):
        feed_of(b"", "excel")


@given(st.sampled_from(list(formats())), st.binary(max_size=200))
def test_any_file_is_rows_or_one_clear_error(name: str, content: bytes) -> None:
    with suppress(InvalidInput):
        assert all(row.form is not None or row.reason for row in feed_of(content, name)(content))


@given(
    st.sampled_from(["petfinder-json", "asm3-json", "rescuegroups"]),
    st.dictionaries(
        st.sampled_from(["id", "ID", "SPECIESNAME", "attributes", "breeds", "status", "photos"]),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
    ),
)
def test_any_animal_of_a_json_feed_is_a_row(name: str, animal: dict[str, object]) -> None:
    document: object = [animal] if name != "rescuegroups" else {"data": [animal]}
    (row,) = rows(name, json.dumps(document).encode())
    assert_is_listing_or_says_why(row)


def assert_is_listing_or_says_why(row: FeedRow) -> None:
    if row.form is None:
        assert row.reason
        return
    with suppress(InvalidInput):
        assert read_listing(row.form, T0).animal.animal_id


_VALUES = (
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.text("0123456789-", min_size=8, max_size=40)
    | st.lists(st.dictionaries(st.just("AttributeName"), st.text(max_size=5)), max_size=2)
)


@given(st.sampled_from([one for one in presets() if "json" in presets()[one].kinds]), st.data())
def test_any_animal_of_a_preset_is_a_row(name: str, data: st.DataObject) -> None:
    names = [one for field in presets()[name].fields for one in presets()[name].names(field)]
    record = data.draw(st.dictionaries(st.sampled_from(names), _VALUES))
    (row,) = rows(name, json.dumps([record]).encode())
    assert_is_listing_or_says_why(row)


def test_more_is_in_a_petfinder_record_than_is_read() -> None:
    photo = {"full": "https://shelter.example/11.jpg", "primary": True}
    contact = {"address": {"postcode": "12345", "primary": True}}
    animal = {"id": 11, "species": "Dog", "photos": [photo], "contact": contact}
    (row,) = rows("petfinder-json", json.dumps([animal]).encode())
    assert row.form is not None, row.reason
    assert (row.form.photos, row.form.postcode) == ([photo["full"]], "12345")


@pytest.mark.parametrize(
    ("address", "is_photo"),
    [
        ("https://www.youtube.com/watch?v=a1", False),
        ("https://youtu.be/a1", False),
        ("https://player.vimeo.com/video/1", False),
        ("https://shelter.example/bella.MP4?size=2", False),
        ("https://notyoutube.com/bella", True),
        ("https://shelter.example/bella.jpg?from=clip.mp4", True),
    ],
)
def test_a_video_among_photos_is_no_photo(address: str, is_photo: bool) -> None:
    content = FILES["petfinder-csv"].replace(
        b'.jpg",,,,,,', b'.jpg",,,,,' + address.encode() + b","
    )
    bella = rows("petfinder-csv", content)[0]
    assert bella.form is not None, bella.reason
    assert bella.form.photos == ["https://example.org/11.jpg", *[address] * is_photo]


def test_resources_beside_an_animal_are_read_in_their_order_and_of_a_picture_the_best_size() -> (
    None
):
    told = json.loads(FILES["rescuegroups"])
    small = {"order": 0, "original": None, "large": {"url": "https://example.org/first.jpg"}}
    told["included"].append({"type": "pictures", "id": 9, "attributes": small})
    told["data"][0]["relationships"]["pictures"]["data"].append({"type": "pictures", "id": "9"})
    told["data"][0]["attributes"]["isAdoptionPending"] = True
    bella, _ = rows("rescuegroups", json.dumps(told).encode())
    assert bella.form is not None, bella.reason
    first, second = "https://example.org/first.jpg", "https://example.org/11.jpg"
    assert (bella.form.photos, bella.form.status) == ([first, second], "pending")


def test_a_format_without_a_name_is_none() -> None:
    with pytest.raises(InvalidInput, match="petfinder-csv"):
        feed_of(FILES["csv"], "")
