"""Items, animals, impressions and the archive ledger, on every database."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput, StorageUnavailable
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.storage import sql
from pawsonalize.storage.archive_ledger import Segment
from pawsonalize.storage.base import Impression, Item, User
from pawsonalize.storage.sql import (
    Database,
    SqlAnimals,
    SqlArchiveLedger,
    SqlCatalogue,
    SqlImpressions,
)
from pawsonalize.storage.sql.tables import metadata

T0 = 1_700_000_000_000
REX = Animal("a1", AnimalGroup("2", "Beagle", "2", "3"), "Rex", "North", "m", "brown", 2, T0)


def test_migrations_lead_to_exactly_the_tables_the_code_uses(database: Database) -> None:
    with database.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    assert found == []


def test_items_are_replaced_by_id_and_the_last_of_a_batch_wins(database: Database) -> None:
    catalogue = SqlCatalogue(database)
    catalogue.put_items([Item("b", {"X": "1"}), Item("a", {"X": None, "Y": 2.5}, T0)])
    catalogue.put_items([Item("b", {"X": "old"}), Item("b", {"X": "new"})])
    assert list(catalogue.items()) == [
        Item("a", {"X": None, "Y": 2.5}, T0),
        Item("b", {"X": "new"}),
    ]
    assert catalogue.item_count() == 2


def test_users_are_found_by_id_and_read_in_order(database: Database) -> None:
    catalogue = SqlCatalogue(database)
    catalogue.put_users([User("bob", {"AGE": 30.0, "CITY": None}), User("ann", {})])
    assert catalogue.user("bob") == User("bob", {"AGE": 30.0, "CITY": None})
    assert catalogue.user("nobody") is None
    catalogue.of("other").put_users([User("cleo", {})])
    assert [user.user_id for user in catalogue.users()] == ["ann", "bob"]


def test_only_animals_that_wait_at_the_moment_are_available(database: Database) -> None:
    animals = SqlAnimals(database)
    gone = replace(REX, animal_id="a2", adopted_at=T0 + 5, good_with_cats=False)
    animals.put([REX, gone, replace(REX, animal_id="a3", listed_at=T0 + 9)])
    assert animals.get("a2") == gone
    assert animals.get("nobody") is None
    assert [animal.animal_id for animal in animals.available(T0 + 4, 10)] == ["a1", "a2"]
    assert [animal.animal_id for animal in animals.available(T0 + 5, 10)] == ["a1"]


def test_an_impression_is_found_by_its_recommendation_id(database: Database) -> None:
    shown = Impression("RID-1", "recommendation", "ann", None, T0, T0, "v1", ("a", "b"))
    SqlImpressions(database).append([shown])
    assert SqlImpressions(database).get("RID-1") == shown
    assert SqlImpressions(database).get("RID-2") is None


def test_an_impression_keeps_its_propensities_to_the_last_digit(database: Database) -> None:
    odds = (1 - 0.1, 0.1 / 3, 1e-9)
    shown = Impression("RID-1", "recommendation", None, "s", T0, T0, "v1", ("a", "b", "c"), odds)
    SqlImpressions(database).append([shown])
    assert SqlImpressions(database).get("RID-1") == shown


def test_impressions_from_before_propensities_were_kept_are_still_found(database_url: str) -> None:
    old = Impression("RID-1", "recommendation", "ann", None, T0, T0, "v1", ("a", "b"))
    migrate(database_url, "0001")
    with engine(database_url) as opened, opened.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO impressions VALUES"
                " (:recommendation_id, :question, :user_id, :session_id, :answered_at, :as_of,"
                " :solution_version, :items)"
            ),
            {**asdict(old), "items": '["a","b"]'},
        )
    with closing(Database(database_url)) as database:
        assert SqlImpressions(database).get("RID-1") == old
    migrate(database_url, "0001", command.downgrade)
    with closing(Database(database_url)) as database:
        assert SqlImpressions(database).get("RID-1") == old


@contextmanager
def engine(url: str) -> Iterator[Engine]:
    opened = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    yield opened
    opened.dispose()


def migrate(url: str, revision: str, move: Callable[..., None] = command.upgrade) -> None:
    """Bring the tables to a revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(sql.__file__).parent / "migrations"))
    with engine(url) as opened, opened.begin() as connection:
        config.attributes["connection"] = connection
        move(config, revision)


def test_archive_segments_are_planned_by_one_and_confirmed_later(database: Database) -> None:
    ledger = SqlArchiveLedger(database)
    plan = [Segment(1, 5, 5, "a"), Segment(6, 9, 4, "b")]
    assert ledger.plan(plan, after=0)
    assert not ledger.plan([Segment(1, 3, 3, "c")], after=0), "somebody else was faster"
    assert ledger.planned_through() == 9
    ledger.confirm(replace(plan[0], sha256="d1"))
    assert ledger.pending() == [plan[1]]
    assert ledger.segments() == [replace(plan[0], sha256="d1"), plan[1]]


def test_a_bad_database_url_is_an_input_error_that_shows_a_good_one() -> None:
    for url in ("nonsense", "oracle://x/y", "mysql://localhost/x"):
        with pytest.raises(InvalidInput, match="sqlite:///"):
            Database(url)


def test_a_database_that_cannot_be_opened_says_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="folder is writable"):
        Database(f"sqlite:///{tmp_path}/missing/x.sqlite3")
