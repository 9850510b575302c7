"""The training table holds what the log holds, however and by whom it was written."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from pyarrow import BufferReader
from pyarrow.parquet import read_table

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.times import DAY, iso
from pawsonalize.events.erasure.tables import ErasedLookup, ErasureTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import LogStart
from pawsonalize.events.tables.training_files import TrainingFiles
from pawsonalize.recommend.query import DEVICE, FacetReader
from pawsonalize.resources.kind import new_resource_name
from pawsonalize_out_of_core.files import FOLDER
from pawsonalize_out_of_core.training_table import TrainingTable, visitor_number
from tests.event_data import T0, event

GROUP = "pawsonalize"
READER = FacetReader({"DEVICE": DEVICE}, frozenset())


@pytest.fixture
def table(database: Database, tmp_path: Path) -> TrainingTable:
    return TrainingTable(
        TrainingFiles(database, GROUP),
        open_objects(str(tmp_path / "archive")),
        GROUP,
        READER,
        ErasedLookup(database),
        rows_per_file=3,
        small_files=3,
    )


def add(log: EventLog, *numbers: int, days: int = 0) -> None:
    log.append(
        [
            event(f"{n}", user=f"u{n % 3}", at=n, received_at=T0 + days * DAY, item=f"i{n}")
            for n in numbers
        ]
    )


def rows(table: TrainingTable) -> list[dict[str, object]]:
    found = [
        row
        for file in table.files.files()
        for row in read_table(BufferReader(table.objects.get(file.key))).to_pylist()
    ]
    return sorted(found, key=lambda row: row["offset"])


def keys(table: TrainingTable) -> set[str]:
    return set(table.objects.list(FOLDER))


def test_it_has_each_event_once_by_days_and_only_what_came_since_is_written(
    table: TrainingTable, log: EventLog
) -> None:
    add(log, 1, 2)
    add(log, 3, days=1)
    first = table.bring_up_to(log.head())
    days = [iso(T0)[:10], iso(T0 + DAY)[:10]]
    assert [file.key.split("/")[:3] for file in first] == [[FOLDER, GROUP, day] for day in days]
    add(log, 4, days=1)
    assert table.bring_up_to(log.head())[:2] == first
    assert [row["item"] for row in rows(table)] == ["i1", "i2", "i3", "i4"]
    assert [file.rows for file in table.files.files()] == [2, 1, 1]


def test_a_row_has_the_visitor_the_facets_and_the_value_of_its_event(
    table: TrainingTable, log: EventLog
) -> None:
    said = '{"device": "Phone", "mail": "x@y.z"}'
    log.append([event("a", user="ann", event_value=2.5, properties=said)])
    log.append([event("b", user=None, session="s")])
    table.bring_up_to(log.head())
    known, unknown = rows(table)
    assert (known["visitor"], known["value"]) == (visitor_number("ann", None), 2.5)
    assert known["told"] == '{"DEVICE":"phone"}'
    assert (unknown["visitor"], unknown["value"]) == (visitor_number(None, "s"), None)
    assert unknown["told"] is None


def test_many_small_files_of_a_day_become_one(table: TrainingTable, log: EventLog) -> None:
    for n in range(5):
        add(log, n)
        table.bring_up_to(log.head())
    assert [row["item"] for row in rows(table)] == [f"i{n}" for n in range(5)]
    assert len(table.files.files()) == 2
    assert keys(table) == {file.key for file in table.files.files()}


def test_other_facets_than_before_are_read_of_the_whole_log(
    table: TrainingTable, log: EventLog
) -> None:
    log.append([event("a", properties='{"device": "Phone", "mood": "gay"}')])
    table.bring_up_to(log.head())
    wider = FacetReader({"DEVICE": DEVICE, "MOOD": "context.MOOD"}, frozenset())
    other = replace(table, reader=wider)
    other.bring_up_to(log.head())
    assert [row["told"] for row in rows(table)] == ['{"DEVICE":"phone","MOOD":"gay"}']
    assert len(keys(table)) == 1


def test_what_left_the_log_leaves_the_table(
    table: TrainingTable, log: EventLog, database: Database
) -> None:
    add(log, 1, 2, 3, 4)
    table.bring_up_to(log.head())
    LogStart(database).forget(3, 10)
    table.tidy(in_use=True)
    assert [file.first for file in table.bring_up_to(log.head())] == [4]
    assert len(keys(table)) == 1


def test_a_log_that_lost_a_part_or_got_one_back_is_written_anew(
    table: TrainingTable, log: EventLog
) -> None:
    imported = event(f"import-{'0' * 32}", session=None, item="a")
    log.append([imported, event("own", item="b")])
    table.bring_up_to(log.head())
    kept = log.read(0, log.head(), 10)
    log.erase(imported_only=True)
    table.bring_up_to(log.head())
    assert [row["item"] for row in rows(table)] == ["b"]
    log.restore(kept[:1])
    table.bring_up_to(log.head())
    assert [row["item"] for row in rows(table)] == ["a", "b"]


@pytest.mark.parametrize("in_use", [True, False])
def test_a_table_that_nobody_uses_or_whose_log_is_gone_is_removed(
    table: TrainingTable, log: EventLog, in_use: bool
) -> None:
    add(log, 1)
    table.bring_up_to(log.head())
    if in_use:
        log.erase()
    table.tidy(in_use=in_use)
    assert keys(table) == set()
    assert table.files.files() == []


def test_a_visitor_leaves_up_to_an_offset_and_what_they_did_later_stays(
    table: TrainingTable, log: EventLog
) -> None:
    add(log, *range(7))
    table.bring_up_to(log.head())
    table.purge({visitor_number("u0", None)}, through=4)
    assert [row["item"] for row in rows(table)] == ["i1", "i2", "i4", "i5", "i6"]
    assert keys(table) == {file.key for file in table.files.files()}
    table.purge({visitor_number("u1", None), visitor_number("u2", None)}, through=3)
    assert [row["item"] for row in rows(table)] == ["i4", "i5", "i6"]


def test_who_is_noted_for_erasure_does_not_come_into_the_table(
    table: TrainingTable, log: EventLog, database: Database
) -> None:
    add(log, 0, 1, 2)
    ErasureTable(database).note(new_resource_name("erasure", T0), GROUP, T0, users=("u1",))
    add(log, 4)
    table.bring_up_to(log.head())
    assert [row["item"] for row in rows(table)] == ["i0", "i2", "i4"]


class Broken:
    """A store in which the next object to be written is lost, or the process is."""

    def __init__(self, store: object, written: bool) -> None:
        self._store, self._written = store, written

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def replace(self, key: str, content: bytes) -> None:
        if self._written:
            self._store.replace(key, content)  # type: ignore[attr-defined]
        raise StorageUnavailable("cut off")


@pytest.mark.parametrize("written", [True, False])
def test_a_process_that_dies_while_it_writes_leaves_nothing_that_stays(
    table: TrainingTable, log: EventLog, written: bool
) -> None:
    add(log, 1, 2)
    broken = replace(table, objects=Broken(table.objects, written))
    with pytest.raises(StorageUnavailable):
        broken.bring_up_to(log.head())
    assert table.files.files() == []
    table.bring_up_to(log.head())
    assert [row["item"] for row in rows(table)] == ["i1", "i2"]
    assert keys(table) == {file.key for file in table.files.files()}


def test_of_two_that_write_at_once_one_wins_and_the_other_goes_on_from_there(
    table: TrainingTable, log: EventLog
) -> None:
    add(log, 1, 2)

    class Racing:
        """Another process brings the table up to date while this one writes its file."""

        def __getattr__(self, name: str) -> object:
            return getattr(table.objects, name)

        def replace(self, key: str, content: bytes) -> None:
            table.objects.replace(key, content)
            table.bring_up_to(log.head())

    replace(table, objects=Racing()).bring_up_to(log.head())
    assert [row["item"] for row in rows(table)] == ["i1", "i2"]
    assert keys(table) == {file.key for file in table.files.files()}
