"""Items, animals, impressions and the archive ledger, on every database."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import (
    AnimalExposures,
    Animals,
    Availability,
    add_shown_animals,
)
from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core import database
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.revisions import check_free
from pawsonalize.core.database.tables import REVISION, work
from pawsonalize.core.errors import Conflict, InvalidInput, StorageUnavailable
from pawsonalize.core.schemas import DatasetType, Schema, SchemaField
from pawsonalize.core.times import DAY
from pawsonalize.events.archive.tables import ArchiveLedger, Segment
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.plugins.dead_letters.tables import dead_letters
from pawsonalize.recommend.tables import (
    ANIMAL_RANKING,
    ANIMALS,
    RANKING,
    RECOMMENDATION,
    Impression,
    Impressions,
)
from pawsonalize.resources.kind import new_recommendation_id
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.table_differences import differences

REX = animal("a1")


def test_a_new_database_has_exactly_the_tables_the_code_uses(database: Database) -> None:
    with database.reading() as connection:
        found = [differences(connection, one.metadata) for one in (work, dead_letters)]
    assert found == [[], []]


def test_tables_of_something_else_by_our_names_are_refused(empty_database_url: str) -> None:
    with closing(Database(empty_database_url)) as database:
        with database.writing() as connection:
            check_free(connection, "")  # another server was faster
        with database.writing() as connection:
            connection.execute(text("DROP TABLE users"))
            connection.execute(text("CREATE TABLE users (name TEXT)"))
            connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(InvalidInput, match="tables of something else"):
        Database(empty_database_url)


def test_the_tables_name_the_newest_migration() -> None:
    folder = str(Path(database.__file__).parent / "migrations")
    assert ScriptDirectory(folder).get_current_head() == REVISION


def test_tables_of_before_get_the_words_of_searches(database_url: str) -> None:
    with closing(Database(database_url)) as database, database.writing() as connection:
        for statement in (
            "DROP INDEX searches_in_order",
            "DROP INDEX live_tests_in_order",
            "ALTER TABLE impressions DROP COLUMN live_test",
            "ALTER TABLE items DROP COLUMN is_imported",
            "ALTER TABLE users DROP COLUMN is_imported",
            "ALTER TABLE impressions DROP COLUMN search",
            "UPDATE alembic_version SET version_num = '0023'",
        ):
            connection.execute(text(statement))
    with closing(Database(database_url)) as database, database.reading() as connection:
        assert differences(connection, work.metadata) == []


def test_rows_of_before_count_as_put_one_by_one(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        Catalogue(database).put_items([Item("a", {})], imported=True)
        with database.writing() as connection:
            for statement in (
                "DROP INDEX live_tests_in_order",
                "ALTER TABLE impressions DROP COLUMN live_test",
                "ALTER TABLE items DROP COLUMN is_imported",
                "ALTER TABLE users DROP COLUMN is_imported",
                "UPDATE alembic_version SET version_num = '0024'",
            ):
                connection.execute(text(statement))
    with closing(Database(database_url)) as database:
        with database.reading() as connection:
            assert differences(connection, work.metadata) == []
        assert list(Catalogue(database).items(imported=False)) == [Item("a", {})]


def test_tables_of_another_version_are_refused_with_what_to_do(database_url: str) -> None:
    with closing(Database(database_url)) as database, database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0013'"))
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match=r"are 0013.*start with an empty data folder"):
            Database(database_url)


def test_items_are_replaced_by_id_and_the_last_of_a_batch_wins(database: Database) -> None:
    catalogue = Catalogue(database)
    catalogue.put_items([Item("b", {"X": "1"}), Item("a", {"X": None, "Y": 2.5}, T0)])
    catalogue.put_items([Item("b", {"X": "old"}), Item("b", {"X": "new"})])
    assert list(catalogue.items()) == [
        Item("a", {"X": None, "Y": 2.5}, T0),
        Item("b", {"X": "new"}),
    ]
    assert catalogue.item_count() == 2


def test_changes_of_items_are_counted_over_all_dataset_groups(database: Database) -> None:
    catalogue = Catalogue(database)
    assert catalogue.item_changes() == 0
    catalogue.put_items([Item("a", {})])
    catalogue.of("other").put_items([Item("a", {})])
    catalogue.put_users([User("ann", {})])
    assert catalogue.item_changes() == 2
    catalogue.erase_items()
    assert catalogue.of("other").item_changes() == 3


def test_users_are_found_by_id_and_read_in_order(database: Database) -> None:
    catalogue = Catalogue(database)
    catalogue.put_users([User("bob", {"AGE": 30.0, "CITY": None}), User("ann", {})])
    assert catalogue.user("bob") == User("bob", {"AGE": 30.0, "CITY": None})
    assert catalogue.user("nobody") is None
    catalogue.of("other").put_users([User("cleo", {})])
    assert [user.user_id for user in catalogue.users()] == ["ann", "bob"]


def test_only_animals_that_wait_at_the_moment_are_available(database: Database) -> None:
    animals = Animals(database)
    gone = animal("a2", adopted=T0 + 5, good_with_cats=GoodWith.SELECTIVE)
    animals.put([REX, gone, animal("a3", listed=T0 + 9)], T0)
    assert animals.get("a2") == gone
    assert animals.get("nobody") is None
    assert [one.animal_id for one in animals.available(T0 + 4, 10)] == ["a1", "a2"]
    assert [one.animal_id for one in animals.available(T0 + 5, 10)] == ["a1"]


def test_an_impression_is_found_by_its_recommendation_id(database: Database) -> None:
    shown = Impression("RID-1", "recommendation", "ann", None, T0, T0, "v1", ("a", "b"))
    Impressions(database).append([shown])
    assert Impressions(database).get("RID-1") == shown
    assert Impressions(database).get("RID-2") is None


def test_answers_of_before_their_ids_were_uuids_are_found_and_paged_with_the_others(
    database: Database,
) -> None:
    impressions = Impressions(database)
    names = [f"RID-{T0 + n:012x}{n:016x}" for n in range(9)]
    names += [new_recommendation_id(T0 + n) for n in range(9)]
    impressions.append([answered(name, ("a",)) for name in names])
    found: list[str] = []
    while page := impressions.between(T0, T0 + 1, found[-1] if found else "", 4):
        found += [one.recommendation_id for one in page]
    assert sorted(found) == sorted(names)
    assert all(impressions.get(name) is not None for name in names)


def test_an_impression_keeps_its_propensities_to_the_last_digit(database: Database) -> None:
    odds = (1 - 0.1, 0.1 / 3, 1e-9)
    shown = Impression("RID-1", "recommendation", None, "s", T0, T0, "v1", ("a", "b", "c"), odds)
    Impressions(database).append([shown])
    assert Impressions(database).get("RID-1") == shown


def test_what_answers_show_is_counted_by_item_and_fades(database: Database) -> None:
    impressions = Impressions(database)
    assert impressions.shown(T0) == {}
    impressions.append([answered("RID-1", ("a", "b")), answered("RID-2", ("b", "c"))])
    impressions.append([answered("RID-3", ("b",))])
    assert impressions.shown(T0) == pytest.approx({"a": 1, "b": 3, "c": 1})
    assert impressions.shown(T0 + 60 * DAY) == pytest.approx({"a": 0.25, "b": 0.75, "c": 0.25})


def test_what_one_dataset_group_shows_is_nothing_to_another(database: Database) -> None:
    impressions = Impressions(database)
    theirs = answered("RID-1", ("a",), dataset_group="theirs")
    impressions.append([theirs, answered("RID-2", ("b",))])
    assert impressions.shown(T0) == pytest.approx({"b": 1})
    assert impressions.get("RID-1") is None
    of_theirs = impressions.of("theirs")
    assert of_theirs.shown(T0) == pytest.approx({"a": 1})
    assert of_theirs.between(T0, T0 + 1, "", 9) == [theirs]


def test_only_what_is_seen_counts_as_shown(database: Database) -> None:
    impressions = Impressions(database)
    long = tuple(f"{n}" for n in range(30))
    impressions.append(
        [
            answered("RID-1", long),
            answered("RID-2", ("replayed",), as_of=T0 - 1),
            answered("RID-3", ("animal",), question=RANKING),
        ]
    )
    assert impressions.shown(T0) == pytest.approx(dict.fromkeys(long[:25], 1))


def answered(name: str, items: tuple[str, ...], **more: Any) -> Impression:
    return msgspec.structs.replace(
        Impression(name, RECOMMENDATION, "ann", None, T0, T0, "v1", items), **more
    )


def test_answers_of_a_time_are_read_in_pages(database: Database) -> None:
    impressions = Impressions(database)
    kept = [answered(f"RID-{n}", ("a",), answered_at=T0 + n, as_of=T0 + n) for n in range(6)]
    impressions.append(kept)
    assert impressions.between(T0 + 1, T0 + 5, "", 3) == kept[1:4]
    assert impressions.between(T0 + 1, T0 + 5, "RID-3", 3) == kept[4:5]
    assert impressions.between(T0 + 1, T0 + 5, "RID-4", 3) == []


def test_archive_segments_are_planned_by_one_and_confirmed_later(database: Database) -> None:
    ledger = ArchiveLedger(database)
    plan = [Segment(1, 5, 5, "a"), Segment(6, 9, 4, "b")]
    assert ledger.plan(plan, after=0)
    assert not ledger.plan([Segment(1, 3, 3, "c")], after=0), "somebody else was faster"
    assert ledger.planned_through() == 9
    ledger.confirm(msgspec.structs.replace(plan[0], sha256="d1"))
    assert ledger.pending() == [plan[1]]
    assert ledger.segments() == [msgspec.structs.replace(plan[0], sha256="d1"), plan[1]]


def test_a_bad_database_url_is_an_input_error_that_shows_a_good_one() -> None:
    for url in ("nonsense", "oracle://x/y", "mysql://localhost/x"):
        with pytest.raises(InvalidInput, match="sqlite:///"):
            Database(url)


def test_a_database_that_cannot_be_opened_says_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="folder is writable"):
        Database(f"sqlite:///{tmp_path}/missing/x.sqlite3")


def test_available_animals_of_an_item_are_found_with_all_that_is_known(database: Database) -> None:
    animals = Animals(database)
    near = animal("a1", latitude=38.4, longitude=-122.7, born=date(2020, 5, 1))
    animals.put([near, animal("a2", adopted=T0 + 5), animal("a3", "2-Pug-1-1")], T0)
    assert animals.available_of([near.group_at(T0).id], T0 + 9) == {"2-Beagle-2-3": [near]}
    assert animals.get_many(["a1", "nobody"]) == {"a1": near}


def test_a_change_that_fails_leaves_everything_as_it_was(database: Database) -> None:
    animals, availability = Animals(database), Availability(database)
    animals.put([REX], T0)
    before = availability.revision()

    def change(known: Mapping[str, Animal]) -> list[Animal]:
        raise Conflict("no")

    with pytest.raises(Conflict):
        animals.update(["a1"], change, T0)
    assert (availability.revision(), animals.get("a1")) == (before, REX)


def test_only_changes_of_the_supply_count_as_such(database: Database) -> None:
    animals, availability = Animals(database), Availability(database)
    animals.put([REX], T0)
    before = availability.revision()
    animals.put([REX], T0 + 1)
    animals.put([animal("a2", adopted=T0)], T0 + 1)
    assert availability.changed_animals(before, T0 + 9, T0 + 9) == {"a1"}
    adopted = animal("a1", adopted=T0 + 2)
    animals.put([adopted], T0 + 2)
    gone = availability.revision()
    animals.put([replace(adopted, name="Max")], T0 + 3)
    assert availability.revision() == gone, "nobody is shown who changed"


def test_whatever_is_told_of_an_animal_that_waits_is_a_change_of_it(database: Database) -> None:
    animals, availability = Animals(database), Availability(database)
    animals.put([REX, animal("a2")], T0)
    before = availability.revision()
    animals.put([replace(REX, good_with_kids=GoodWith.NO)], T0 + 1)
    assert availability.changed_animals(before, T0 + 9, T0 + 9) == {"a1"}
    now = availability.revision()
    animals.remove(["a2"], T0 + 2)
    assert availability.changed_animals(now, T0 + 9, T0 + 9) == {"a2"}
    found = animals.available_among(["a1", "a2", "nobody"], T0 + 9)
    assert [one.good_with_kids for one in found["2-Beagle-2-3"]] == [GoodWith.NO]


def test_animals_are_counted_where_they_were_shown(database: Database) -> None:
    Animals(database).put([REX, animal("a2"), *(animal(f"b{n:02}") for n in range(30))], T0)
    shown = Impression(
        "RID-1",
        ANIMALS,
        "ann",
        None,
        T0,
        T0,
        "v1",
        ("g",),
        (0.5,),
        animal_ids=(("a1", "a2"),),
        factors=((-1.5, 0.25),),
    )
    log, impressions = EventLog(database), Impressions(database)
    long = tuple((f"b{n:02}",) for n in range(30))
    replay = msgspec.structs.replace(shown, recommendation_id="RID-2", as_of=T0 - 1)
    ranking = msgspec.structs.replace(shown, recommendation_id="RID-3", question=ANIMAL_RANKING)
    impressions.append([shown, replay, ranking])
    impressions.append([msgspec.structs.replace(shown, recommendation_id="RID-4", animal_ids=long)])
    assert impressions.get("RID-1") == shown
    reported = replace(event("e1"), impression=("a1", "2-Beagle-2-3"))
    answered = replace(event("e2"), impression=("a1",), recommendation_id="RID-1", animal_id="a2")
    log.append([reported, answered])
    log.append([reported])
    exposures = AnimalExposures(database)
    assert exposures.of(["a1", "a2", "b24", "b25", "zz"]) == {"a1": 2, "a2": 1, "b24": 1}
    counted, through = exposures.changed(T0 - 1)
    assert counted["a1"] == 2
    assert exposures.changed(through) == ({}, through)
    Animals(database).remove(["a1"], T0)
    assert exposures.of(["a1"]) == {}


def test_more_animals_may_be_shown_at_once_than_a_statement_can_name(database: Database) -> None:
    Animals(database).put([REX], T0)
    with database.writing() as connection:
        places = [(T0, [f"gone{n}" for n in range(70_000)]), (T0, ["a1"])]
        add_shown_animals(connection, places)
    assert AnimalExposures(database).of(["a1", "gone1"]) == {"a1": 1}


def test_time_alone_changes_the_supply_on_birthdays(database: Database) -> None:
    animals, availability = Animals(database), Availability(database)
    animals.put([animal("a1", born=date(2025, 7, 1))], T0)
    birthday = availability.next_change(T0)
    assert birthday is not None
    now = availability.revision()
    assert availability.changed_animals(now, birthday - 1, birthday) == {"a1"}
    assert availability.changed_animals(now, T0, birthday - 1) == set()


def test_users_are_replaced_by_id_and_found_again(database: Database) -> None:
    catalogue = Catalogue(database)
    assert catalogue.user("ann") is None
    catalogue.put_users([User("bob", {}), User("ann", {"KIDS": "yes", "AGE": 31.0})])
    catalogue.put_users([User("ann", {"KIDS": "no"})])
    assert catalogue.user("ann") == User("ann", {"KIDS": "no"})
    assert [user.user_id for user in catalogue.users()] == ["ann", "bob"]


def test_the_schema_of_a_dataset_is_the_one_given_last(database: Database) -> None:
    catalogue = Catalogue(database)
    assert catalogue.schema(DatasetType.USERS) is None
    for categorical in (False, True):
        fields = (
            SchemaField("USER_ID", ("string",)),
            SchemaField("GENDER", ("null", "string"), categorical),
        )
        catalogue.put_schema(Schema(DatasetType.USERS, fields))
    assert catalogue.schema(DatasetType.USERS) == Schema(DatasetType.USERS, fields)
    assert catalogue.schema(DatasetType.ITEMS) is None
