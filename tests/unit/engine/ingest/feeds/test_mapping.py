"""What is not recognised in a feed, and the file that says what it means."""

from pathlib import Path

import pytest

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.feeds.formats import read_feed
from pawsonalize.engine.ingest.feeds.importing import FeedImport, FeedReport, import_feed
from pawsonalize.engine.ingest.feeds.mapping import ValueMapping, skeleton
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.storage.animals import Animals
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
    return import_feed(Inventory(animals), animals, rows, how, T0, T0)


def test_a_report_names_every_value_that_was_not_recognised_with_its_rows(
    animals: Animals,
) -> None:
    report = take(animals, FeedImport())
    assert report.unrecognised == {
        "breed": {"ZYX QQQ": 1, "zyx qqq": 1},
        "size": {"whopping": 1},
        "species": {"OTHER / BAT": 1},
        "status": {"Courtesy": 1},
        "outcome": {"Abducted": 1},
    }
    assert [row.animal_id for row in report.rejected] == ["c", "d", "e"]
    assert (report.rows, report.created) == (5, 2)


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
    with pytest.raises(InvalidInput, match="cannot read the mapping"):
        ValueMapping.read(tmp_path / "none.yaml")
    file = tmp_path / "bad.yaml"
    file.write_text("breed: {a: [")
    with pytest.raises(InvalidInput, match="is not YAML"):
        ValueMapping.read(file)
