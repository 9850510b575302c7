"""Importing files into real tables, on every database."""

import os
from pathlib import Path

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Event, Visitor
from pawsonalize.core.forms.csv_files import ImportReport
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.events.datasets import read_schema
from pawsonalize.events.imports import Importer
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import HistoryQuery

NOW = 1_790_000_000_000
SHARED = Path(
    os.environ.get("PAWSONALIZE_SHARED_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")
)


class World:
    def __init__(self, database: Database, folder: Path) -> None:
        self.log = EventLog(database)
        self.catalogue = Catalogue(database)
        self.importer = Importer(self.log, self.catalogue, received_at=NOW, chunk_rows=10)
        self.path = folder / "interactions.csv"

    def load(self, text: str) -> ImportReport:
        self.path.write_text(text)
        return self.importer.import_file(DatasetType.INTERACTIONS, self.path)

    def events(self) -> list[Event]:
        return [logged.event for logged in self.log.read(0, self.log.head(), 10_000)]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, tmp_path)


def rows(start: int, end: int) -> str:
    return "".join(f"u{n % 3},2-B-1-{n},1656408773\n" for n in range(start, end))


HEADER = "USER_ID,ITEM_ID,TIMESTAMP\n"


def test_an_import_counts_every_row_and_a_second_one_adds_nothing(world: World) -> None:
    text = HEADER + rows(0, 25) + "u1,2-B-1-1,never\n" + rows(0, 5)
    first, again = world.load(text), world.load(text)
    assert (first.accepted, first.duplicates, first.rejected) == (30, 0, 1)
    assert (again.accepted, again.duplicates, again.rejected) == (0, 30, 1)
    assert len(world.events()) == 30


def test_events_of_one_moment_keep_the_order_of_the_file(world: World) -> None:
    world.load(HEADER + rows(0, 30))
    newest_first = world.log.history(Visitor("u0"), HistoryQuery(limit=3))
    assert [logged.event.item_id for logged in newest_first] == ["2-B-1-27", "2-B-1-24", "2-B-1-21"]


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_file_that_grew_adds_only_its_new_rows(world: World, end: str) -> None:
    world.load(HEADER + rows(0, 25).rstrip() + end)
    grown = world.load(HEADER + rows(0, 40))
    assert (grown.accepted, grown.duplicates) == (15, 25)


def test_a_row_corrected_in_place_is_the_only_one_added(world: World) -> None:
    text = HEADER + rows(0, 25)
    world.load(text.replace("u2,2-B-1-5,", ",2-B-1-5,"))
    corrected = world.load(text)
    assert (corrected.accepted, corrected.duplicates) == (1, 24)


class Killed(Exception):
    pass


@pytest.mark.parametrize("stored", [False, True])
def test_an_import_that_died_is_resumed_by_running_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    text = HEADER + rows(0, 45)
    append, calls = world.log.append, 0

    def dying(batch: list[Event]) -> list[bool]:
        nonlocal calls
        calls += 1
        flags = append(batch) if stored or calls < 3 else []
        if calls == 3:
            raise Killed
        return flags

    with monkeypatch.context() as patch:
        patch.setattr(world.log, "append", dying)
        with pytest.raises(Killed):
            world.load(text)
    before = len(world.events())
    assert before == (30 if stored else 20)
    resumed = world.load(text)
    assert (resumed.accepted, resumed.duplicates) == (45 - before, before)
    assert [event.item_id for event in world.events()] == [f"2-B-1-{n}" for n in range(45)]


def test_progress_tells_the_bytes_read_of_the_file(world: World) -> None:
    world.path.write_text(HEADER + rows(0, 505))
    size = world.path.stat().st_size
    steps: list[tuple[int, int]] = []
    world.importer.import_file(
        DatasetType.INTERACTIONS, world.path, on_progress=lambda *step: steps.append(step)
    )
    assert len(steps) == 51
    assert 0 < steps[0][0] < size
    assert steps[-1] == (size, size)


def test_a_missing_file_is_named(world: World) -> None:
    with pytest.raises(InvalidInput, match=r"interactions\.csv"):
        world.importer.import_file(DatasetType.INTERACTIONS, world.path)


def test_the_shared_seed_is_imported_whole(database: Database) -> None:
    seed = SHARED / "seed"
    if not seed.is_dir():
        pytest.skip(f"no seed data at {seed}: set PAWSONALIZE_SHARED_DATA")
    log, catalogue = EventLog(database), Catalogue(database)
    importer = Importer(log, catalogue, received_at=NOW)

    def load(data: str, schema: str) -> ImportReport:
        parsed: Schema = read_schema((seed / schema).read_text())
        return importer.import_file(parsed.dataset, seed / data, parsed)

    items = load("items_0.csv", "items_schema.json")
    interactions = load("interactions_mini.csv", "interactions_schema.json")
    assert (items.accepted, items.rejected) == (925, 0)
    assert (interactions.accepted, interactions.rejected) == (4602, 0)
    assert load("interactions_mini.csv", "interactions_schema.json").accepted == 0
    assert catalogue.item_count() == 925
    first = next(item for item in catalogue.items() if item.item_id == "2-English_Setter-1-1")
    assert first.created_at == 15_000_000_000
    assert first.attributes["ITEM_VALUE"] == 0.1
    assert first.attributes["ANIMAL_AGE"] == "1"
