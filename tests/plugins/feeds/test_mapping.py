"""What is not recognised in a feed, and the file that says what it means."""

from pathlib import Path

import pytest

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.errors import InvalidInput
from pawsonalize.plugins.feeds.formats import read_feed
from pawsonalize.plugins.feeds.importing import FeedImport, FeedReport, import_feed
from pawsonalize.plugins.feeds.mapping import ValueMapping, skeleton
from tests.event_data import T0

FEED = b"""\
id,species,breed,size,sex,status,outcome
a,dog,ZYX QQQ,whopping,M,available,
b,dog,zyx qqq,LARGE,M,available,
c,OTHER,BAT,small,Q,available,
d,cat,DOMESTIC SH,small,F,Courtesy,
e,cat,DOMESTIC SH,small,F,,Abducted
"""
MEANINGS = {
    "species": {"other / bat": "small animal"},
    "breed": {"ZYX  QQQ": "Beagle", "BAT": "Hedgehog"},
    "size": {"whopping": "extra large"},
    "sex": {"Q": "unknown"},
    "status": {"courtesy": "hold"},
    "outcome": {"abducted": "removed"},
}


def take(animals: Animals, how: FeedImport) -> FeedReport:
    rows, _ = read_feed([FEED])
    return import_feed(animals, rows, how, T0, T0)


def test_a_report_names_every_value_that_was_not_recognised_with_its_rows(animals: Animals) -> None:
    report = take(animals, FeedImport())
    assert report.unrecognised == {
        "breed": {"ZYX QQQ": 1, "zyx qqq": 1},
        "size": {"whopping": 1},
        "species": {"OTHER / BAT": 1},
        "status": {"Courtesy": 1},
        "outcome": {"Abducted": 1},
    }
    assert [row.animal_id for row in report.rejected] == ["c"]
    assert (report.rows, report.created) == (5, 4)
    found = animals.get_many(["d", "e"])
    assert [found[one].status for one in "de"] == ["hold", "hold"], "it may have left"


def test_a_mapping_mends_all_of_it(animals: Animals) -> None:
    report = take(animals, FeedImport(mapping=ValueMapping.of(MEANINGS)))
    assert (report.created, report.rejected, report.unrecognised) == (5, [], {})
    found = animals.get_many(["a", "b", "c", "d", "e"])
    assert [found[one].breed for one in "abc"] == ["Beagle", "Beagle", "Hedgehog"]
    assert (found["a"].size, found["c"].species, found["d"].status) == ("4", "4", "hold")
    assert found["e"].status == "removed"


def test_the_skeleton_is_a_mapping_that_changes_nothing_until_it_is_filled_in(
    animals: Animals, tmp_path: Path
) -> None:
    report = take(animals, FeedImport())
    file = tmp_path / "map.yaml"
    file.write_text(skeleton(report.unrecognised), encoding="utf-8")
    again = take(animals, FeedImport(mapping=ValueMapping.read(file)))
    assert again.unrecognised == report.unrecognised
    filled = file.read_text().replace('"whopping":', '"whopping": large')
    file.write_text(filled, encoding="utf-8")
    assert "size" not in take(animals, FeedImport(mapping=ValueMapping.read(file))).unrecognised


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"colour": {"BLK": "black"}}, "no field 'colour': there are species, breed"),
        ({"breed": {"DSH": "Domestic Quux"}}, "breed 'DSH' is 'Domestic Quux'"),
        ({"size": {"W": "huuge"}}, "size 'W' is 'huuge', which is no size we know: write small"),
        ({"status": {"C": "avialable"}}, "write available"),
        ({"breed": ["x"]}, "a field, and below it"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(told: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ValueMapping.of(told)


def test_a_mapping_that_is_no_yaml_or_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.yaml cannot be read"):
        ValueMapping.read(tmp_path / "none.yaml")
    file = tmp_path / "bad.yaml"
    file.write_text("breed: {a: [")
    with pytest.raises(InvalidInput, match=r"bad\.yaml cannot be read"):
        ValueMapping.read(file)


TRAITS = b"""\
id,species,goodWithKids,goodWithDogs,altered,houseTrained,fee,birthDate,size,photos
a,dog,Yes - older kids only,mostly harmless,Neutered,ja,$85,1919-03-01,45 lbs,https://x/1|/2.jpg
b,dog,10+,-,Intact,N/A,call us,2023-04-01,?,javascript:alert(1)
c,dog,very,,perhaps,yes,,,,
"""


def test_a_trait_that_cannot_be_read_is_unknown_and_costs_no_animal(animals: Animals) -> None:
    rows, _ = read_feed([TRAITS])
    report = import_feed(animals, rows, FeedImport(), T0, T0)
    assert (report.created, report.rejected) == (3, [])
    assert report.unrecognised == {
        "goodWithKids": {"very": 1},
        "goodWithDogs": {"mostly harmless": 1},
        "altered": {"perhaps": 1},
        "fee": {"call us": 1},
        "birthDate": {"1919-03-01": 1},
        "photos": {"/2.jpg": 1, "javascript:alert(1)": 1},
    }
    a, b, c = animals.get_many(["a", "b", "c"]).values()
    assert (a.good_with_kids, a.good_with_dogs, a.altered) == ("no", "unknown", True)
    assert (a.house_trained, a.fee, a.born, a.size) == (True, 85.0, None, "2")
    assert (a.photos, b.photos) == (("https://x/1",), ())
    assert (b.good_with_kids, b.good_with_dogs, b.altered) == ("no", "unknown", False)
    assert (b.house_trained, b.fee, b.size) == (None, None, "unknown")
    assert (c.good_with_kids, c.altered, c.house_trained) == ("unknown", None, True)


def test_a_mapping_mends_traits_too(animals: Animals) -> None:
    rows, _ = read_feed([TRAITS])
    report = import_feed(animals, rows, FeedImport(), T0, T0)
    text = skeleton(report.unrecognised)
    assert "\ngoodWithKids:\n" in text
    assert "photos" not in text
    mapping = ValueMapping.of(
        {
            "goodWithKids": {"very": "yes"},
            "goodWithDogs": {"mostly harmless": "selective"},
            "altered": {"perhaps": "no"},
            "fee": {"call us": "40"},
            "birthDate": {"1919-03-01": "2019-03-01"},
        }
    )
    report = import_feed(animals, rows, FeedImport(mapping=mapping), T0, T0)
    assert set(report.unrecognised) == {"photos"}
    a, b, c = animals.get_many(["a", "b", "c"]).values()
    assert (str(a.born), a.good_with_dogs, b.fee) == ("2019-03-01", "selective", 40.0)
    assert (c.good_with_kids, c.altered) == ("yes", False)


def test_a_meaning_of_a_trait_must_be_one() -> None:
    with pytest.raises(InvalidInput, match=r"goodWithKids 'very' is 'quite'.*yes, no, selective"):
        ValueMapping.of({"goodWithKids": {"very": "quite"}})
    with pytest.raises(InvalidInput, match="birthDate"):
        ValueMapping.of({"birthDate": {"1919-03-01": "long ago"}})


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("animal_id,species,breed", "7,dog,Poodle"),
        ("_id,species,breed", "7,dog,Poodle"),
        ("_id,AnimalID,species,breed", "1,7,dog,Poodle"),
        ("Animal ID,animal_species_id,animal_primary_breed_id", "7,2,Poodle"),
        ("id,_id,species,breed,breed_id", "7,1,dog,Poodle,99"),
    ],
)
def test_columns_that_are_named_as_ids_are_read(animals: Animals, header: str, values: str) -> None:
    rows, _ = read_feed([f"{header}\n{values}\n".encode()])
    import_feed(animals, rows, FeedImport(), T0, T0)
    animal = animals.get("7")
    assert animal is not None
    assert (animal.species, animal.breed) == ("2", "Poodle")


def test_rows_that_contradict_each_other_are_taken_and_reported_one_by_one(
    animals: Animals,
) -> None:
    content = b"""\
id,species,intakeAt,outcomeAt,outcome,returnedAt
a,dog,2026-01-01,2026-01-05,adoption,
a,dog,2026-01-01,2026-01-09,transfer,
b,dog,2026-02-01,2026-01-20,foster,2026-02-03
c,dog,2026-01-01,2026-01-05,foster,2026-01-09
c,dog,2026-01-01,2026-01-09,adoption,
d,dog,2026-01-07,2026-01-09,adoption,
d,dog,2026-01-01,2026-01-05,foster,
"""
    for _again in range(2):
        rows, _ = read_feed([content])
        report = import_feed(animals, rows, FeedImport(), T0, T0)
        assert [(row.place, row.reason) for row in report.odd] == [
            (
                3,
                "it was removed on 2026-01-09, but it had been adopted since 2026-01-05 and had"
                " not come back",
            ),
            (
                4,
                "outcomeAt 2026-01-20 lies before the intake: correct one of the two."
                " Until then intakeAt does not count",
            ),
        ]
    assert report.unchanged == 7
    found = animals.get_many(["a", "b", "c", "d"])
    assert [one.status for one in found.values()] == ["adopted", "available", "adopted", "adopted"]
