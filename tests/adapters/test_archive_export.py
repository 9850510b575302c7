"""The archive as Parquet, read by another library and compared with the log."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact, InvalidInput, StorageUnavailable
from pawsonalize.core.event import LoggedEvent
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive.reading import (
    ALWAYS,
    ArchiveExport,
    ArchiveReader,
    Exported,
    Period,
)
from tests.archive_world import MIDNIGHT, ArchiveWorld, received
from tests.erasing import erase_users

EVERYTHING: dict[str, Any] = {
    "animal_id": "a-7",
    "event_value": 0.1 + 0.2,
    "recommendation_id": "RID-1",
    "impression": ("2-Beagle-2-3", "1-Maine Coon-2-3"),
    "properties": '{"a":\n"\\u0000ü"}',
    "raw": '{"utm":"ü","eventType":"view"}',
    "dataset_group": "shop",
}


@pytest.fixture
def world(tmp_path: Path) -> ArchiveWorld:
    return ArchiveWorld(Database(f"sqlite:///{tmp_path / 'a.sqlite3'}"), tmp_path / "archive")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def export(world: ArchiveWorld, lake: Path, period: Period = ALWAYS, **more: Any) -> Exported:
    return ArchiveExport(ArchiveReader(world.erased, period), lake, **more).write()


def rows(lake: Path) -> list[dict[str, Any]]:
    table = ds.dataset(lake, format="parquet", partitioning="hive").to_table()
    found: list[dict[str, Any]] = table.sort_by("offset").to_pylist()
    return found


def files(lake: Path) -> list[str]:
    return sorted(path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file())


def as_exported(row: LoggedEvent) -> dict[str, Any]:
    def moment(at: int) -> Any:
        return pa.scalar(at, pa.timestamp("ms", tz="UTC")).as_py()

    one = row.event
    return {
        "offset": row.offset, "event_id": one.event_id, "user_id": one.user_id,
        "session_id": one.session_id, "event_type": one.event_type, "item_id": one.item_id,
        "sent_at": moment(one.sent_at), "received_at": moment(one.received_at),
        "animal_id": one.animal_id, "event_value": one.event_value,
        "recommendation_id": one.recommendation_id, "impression": list(one.impression),
        "properties": one.properties, "dataset_group": one.dataset_group, "raw": one.raw,
        "day": f"{moment(one.received_at):%Y-%m-%d}",
    }  # fmt: skip


@pytest.mark.parametrize("compacted", [True, False])
def test_each_event_is_there_once_with_all_its_columns(
    world: ArchiveWorld, lake: Path, compacted: bool
) -> None:
    world.fill(hours=30)
    world.log.append([received(1_000, 40 * HOUR, **EVERYTHING), received(1_001, 0, user_id=None)])
    world.archiver.archive_once()
    if compacted:
        world.compaction(10).compact(MIDNIGHT + 9 * DAY)
    assert export(world, lake) == Exported(92, 2)
    assert rows(lake) == [as_exported(row) for row in world.archived()]
    assert [row["raw"] for row in rows(lake) if row["raw"]] == [EVERYTHING["raw"]]
    assert files(lake) == ["day=2026-11-24/events.parquet", "day=2026-11-25/events.parquet"]


def test_the_columns_have_types(world: ArchiveWorld, lake: Path) -> None:
    world.fill(hours=1)
    export(world, lake)
    schema = pq.read_schema(lake / "day=2026-11-24" / "events.parquet")
    types = {field.name: str(field.type) for field in schema}
    assert types["sent_at"] == types["received_at"] == "timestamp[ms, tz=UTC]"
    assert (types["offset"], types["event_value"]) == ("int64", "double")
    assert types["impression"].startswith("list<")
    others = types.keys() - {"sent_at", "received_at", "offset", "event_value", "impression"}
    assert {types[name] for name in others} == {"string"}


def test_only_the_time_range_and_the_dataset_group_are_exported(
    world: ArchiveWorld, lake: Path
) -> None:
    for at in (0, HOUR, 2 * HOUR):
        groups = ("pawsonalize", "shop", "shop/actions")
        world.log.append([received(at, at, dataset_group=group) for group in groups])
    world.archiver.archive_once()
    period = Period(MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR)
    assert export(world, lake, period, dataset_group="shop") == Exported(2, 1)
    assert [(one["offset"], one["dataset_group"]) for one in rows(lake)] == [
        (5, "shop"), (6, "shop/actions")
    ]  # fmt: skip


def test_erased_visitors_are_not_in_it_nor_left_from_an_export_of_before(
    world: ArchiveWorld, lake: Path
) -> None:
    world.log.append([received(0, 0), received(1, 0), received(3, DAY)])
    world.archiver.archive_once()
    assert export(world, lake) == Exported(3, 2)
    erase_users(world.database, "u0")
    assert export(world, lake) == Exported(1, 1)
    assert [one["event_id"] for one in rows(lake)] == ["e1"]
    assert files(lake) == ["day=2026-11-24/events.parquet"]


def during(world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen once, when the second object is about to be read."""
    get, calls = world.objects.get, 0

    def busy(key: str) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 2:
            act()
        return get(key)

    monkeypatch.setattr(world.objects, "get", busy)


def test_who_is_erased_while_it_is_written_is_not_in_it(
    world: ArchiveWorld, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(hours=3)
    during(world, monkeypatch, lambda: erase_users(world.database, "u0"))
    assert export(world, lake) == Exported(6, 1)
    assert {one["user_id"] for one in rows(lake)} == {"u1", "u2"}


def test_objects_that_are_joined_while_it_is_written_are_found_again(
    world: ArchiveWorld, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(hours=3)
    steps: list[tuple[int, int]] = []
    compact = world.compaction().compact
    during(world, monkeypatch, lambda: compact(MIDNIGHT + 9 * DAY))
    export(world, lake, on_progress=lambda *step: steps.append(step))
    assert [one["offset"] for one in rows(lake)] == [row.offset for row in world.logged()]


def test_a_damaged_object_is_named_and_leaves_no_part_of_a_file(
    world: ArchiveWorld, lake: Path
) -> None:
    world.fill(hours=26)
    key = world.ledger.segments()[-1].key
    world.objects.replace(key, b"?")
    with pytest.raises(CorruptArtefact, match=key):
        export(world, lake)
    assert files(lake) == ["day=2026-11-24/events.parquet"]


def test_a_long_day_has_several_row_groups(
    world: ArchiveWorld, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawsonalize.events.archive.reading._GROUP_BYTES", 1_000)
    world.fill(hours=20)
    steps: list[tuple[int, int]] = []
    export(world, lake, on_progress=lambda *step: steps.append(step))
    file = pq.ParquetFile(lake / "day=2026-11-24" / "events.parquet")
    assert 2 < file.num_row_groups <= 20
    assert steps == [(n, 20) for n in range(1, 21)]


def test_without_pyarrow_it_says_what_to_install(
    world: ArchiveWorld, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(hours=1)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInput, match=r"install 'pawsonalize\[parquet\]"):
        export(world, lake)
    assert not lake.exists()


def test_a_folder_that_cannot_be_written_is_named(world: ArchiveWorld, lake: Path) -> None:
    world.fill(hours=1)
    lake.write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="folder is writable"):
        export(world, lake)
