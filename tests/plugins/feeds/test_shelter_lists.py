"""Lists as shelter offices write them: who may be shown, and what is known of whom."""

import pytest

from pawsonalize.animals.animal import LEFT, Animal, AnimalStatus
from pawsonalize.animals.tables.animals import AnimalQuery, Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import Conflict
from pawsonalize.core.times import parse_moment
from pawsonalize.plugins.feeds.formats import read_feed
from pawsonalize.plugins.feeds.importing import FeedImport, FeedReport, import_feed
from tests.plugins.feeds.shelter_lists import LISTS, SEVEN

NOW = parse_moment("2025-11-12T12:00:00Z", "now")


def taken(animals: Animals, content: bytes) -> FeedReport:
    rows, notes = read_feed([content])
    report = import_feed(animals, rows, FeedImport(), NOW, NOW)
    report.notes[:0] = notes
    return report


def letter(animal: Animal) -> str:
    if animal.status in LEFT:
        return "g"
    return "v" if animal.status is AnimalStatus.AVAILABLE else "h"


@pytest.mark.parametrize("name", LISTS)
def test_a_list_shows_those_who_are_still_there_and_nobody_else(
    database: Database, name: str
) -> None:
    shelter_list, animals = LISTS[name], Animals(database)
    report = taken(animals, shelter_list.text.encode(shelter_list.encoding))
    known = {one.animal_id: one for one in animals.page(AnimalQuery(99))}
    assert "".join(letter(one) for one in known.values()) == shelter_list.truth, report
    counts = [shelter_list.truth.count(one) for one in "vhg"]
    assert [report.visible, report.on_hold, report.gone] == counts
    assert len(report.leaving) == report.gone
    warned = f"no column says who is still there: all {len(known)} will be shown"
    assert (warned in report.warnings[:1]) is not shelter_list.says_status
    for animal_id, facts in shelter_list.facts.items():
        animal = known[animal_id]
        seen = {one: getattr(animal, one, animal.born is not None) for one in facts}
        seen |= {"age": animal.group_at(NOW).age} if "age" in facts else {}
        assert seen == facts


def test_there_are_lists_enough_of_each_language() -> None:
    languages = [name[:2] for name in LISTS]
    assert len(languages) >= 15
    assert min(languages.count(one) for one in ("de", "es", "en")) >= 3


def test_a_status_that_nobody_knows_is_on_hold_and_named_with_its_row(database: Database) -> None:
    text = SEVEN.replace("zu vermitteln", "Blau").replace("frei", "Blau")
    report = taken(Animals(database), text.encode())
    assert report.warnings == [
        "nobody knows the status 'Blau' (row 5, 8): 2 on hold until you say what it means"
    ]
    assert (report.visible, report.on_hold, report.gone) == (2, 3, 2)


def test_columns_that_are_left_out_are_named_with_a_value(database: Database) -> None:
    report = taken(Animals(database), SEVEN.encode())
    assert report.unread == {"ZWINGER": "Z 4"}
    assert report.leaving == ["Mimi (adopted)", "Max (removed)"]


def test_a_file_whose_animals_another_source_has_is_refused_with_the_way_out(
    database: Database,
) -> None:
    animals, rows = Animals(database), read_feed([SEVEN.encode()])[0]
    import_feed(animals, rows, FeedImport(source="nord"), NOW, NOW)
    with pytest.raises(Conflict, match=r"5 of 5 animals are known .* import .* --source nord;"):
        import_feed(animals, rows, FeedImport(), NOW, NOW)
    assert len(animals.page(AnimalQuery(99))) == 7
    assert import_feed(animals, rows, FeedImport(source="nord"), NOW, NOW).unchanged == 7
    others = read_feed([SEVEN.replace(".20", ".19").encode()])[0]  # the same names, born earlier
    assert import_feed(animals, others, FeedImport(), NOW, NOW).notes[-1:] == [
        "known sources: nord; --source says whose animals these are"
    ]
    allowed = FeedImport(source="south", allow_known=True)
    assert import_feed(animals, rows, allowed, NOW, NOW).created == 7


def test_a_source_is_refused_for_animals_that_have_none(database: Database) -> None:
    animals, rows = Animals(database), read_feed([SEVEN.encode()])[0]
    import_feed(animals, rows, FeedImport(), NOW, NOW)
    with pytest.raises(Conflict, match=r"known already without a source, .* without --source;"):
        import_feed(animals.rehearsal(), rows, FeedImport(source="nord"), NOW, NOW)
