"""What a day adds to the disk, and for how long there is room."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.checks import CheckedService, Verdict
from pawsonalize.app.disk_forecast import (
    DiskForecast,
    Growth,
    database_file,
    disk_forecast,
    forecast,
)
from pawsonalize.app.settings import Settings
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.ingest import HTTP
from pawsonalize.operations import tables as sizes
from pawsonalize.operations.tables import FileSize
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.resources.kind import Status, new_recommendation_id
from pawsonalize.resources.solutions import Cut, SolutionVersion
from tests import page_data
from tests.event_data import T0, event
from tests.service_data import changed

DAYS = 10
NOW = T0 + DAYS * DAY


def test_what_is_kept_for_a_time_stops_growing(subtests: pytest.Subtests) -> None:
    cases: list[tuple[list[Growth], int, int | None]] = [
        ([Growth("a", 10)], 100, 10),
        ([Growth("a", 10)], 99, 9),
        ([Growth("a", 10, days=5)], 100, None),
        ([Growth("a", 10, days=5), Growth("b", 1)], 100, 50),
        ([Growth("a", 10, days=0)], 5, None),
        ([], 0, None),
    ]
    for growths, free, left in cases:
        with subtests.test(growths=growths, free=free, left=left):
            assert DiskForecast(tuple(growths), free).days_left == left


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    with opened(Settings(data_dir=tmp_path)) as adapters:
        yield adapters


@pytest.fixture(scope="module")
def ten_days_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ten days")
    with opened(Settings(data_dir=folder)) as adapters:
        for hour in range(0, DAYS * 24, 6):
            at = hour * HOUR
            adapters.log.append([event(f"{hour}-{n}", at=at + n, user=f"u{n}") for n in range(60)])
            animals = [f"a{n}" for n in range(20)]
            ids = [new_recommendation_id(T0 + at + n) for n in range(120)]
            adapters.impressions.append(
                [page_data.page(one, *animals, at=at + n) for n, one in enumerate(ids)]
            )
            adapters.archiver.archive_once()
    return folder


@pytest.fixture
def ten_days(ten_days_folder: Path, tmp_path: Path) -> Iterator[Adapters]:
    """240 events and 480 answers a day, archived as they came."""
    shutil.copytree(ten_days_folder, tmp_path, dirs_exist_ok=True)
    with opened(Settings(data_dir=tmp_path)) as adapters:
        yield adapters


def found(adapters: Adapters, tmp_path: Path, **settings: Any) -> dict[str, Growth]:
    seen = forecast(changed(adapters, settings=Settings.of(data_dir=tmp_path, **settings)), NOW)
    assert seen is not None
    return {growth.kind: growth for growth in seen.growths}


def test_a_day_adds_its_rows_and_objects_by_their_size(ten_days: Adapters, tmp_path: Path) -> None:
    file, archive = tmp_path / "pawsonalize.sqlite3", tmp_path / "archive"
    growths = found(ten_days, tmp_path)
    with ten_days.database.reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    tables = growths["events"].per_day + growths["answers"].per_day
    assert tables * DAYS == pytest.approx(file.stat().st_size, rel=0.3), "but for small tables"
    written = sum(one.stat().st_size for one in archive.rglob("*.zst"))
    assert growths["archive"].per_day * DAYS == pytest.approx(written, rel=0.1)
    assert [growths[kind].days for kind in ("events", "archive", "answers")] == [None, None, 170]


def test_retention_ends_the_growth_of_each_kind(ten_days: Adapters, tmp_path: Path) -> None:
    kept = {"event_days": 30, "archive_days": 40, "impression_days": 10}
    growths = found(ten_days, tmp_path, **kept)
    days = [growths[kind].days for kind in ("events", "archive", "answers")]
    assert days == pytest.approx([20, 30, 0], abs=0.1)


def test_dead_letters_grow_until_the_oldest_are_deleted(ten_days: Adapters, tmp_path: Path) -> None:
    assert found(ten_days, tmp_path)["dead letters"].per_day == 0
    DeadLetters(ten_days.database).keep(
        [
            DeadLetter(HTTP, "pawsonalize", NOW - n % 7 * DAY, b"x" * 10_000, code="c", message="m")
            for n in range(70)
        ]
    )
    growth = found(ten_days, tmp_path)["dead letters"]
    assert growth.per_day == pytest.approx(10 * 10_000, rel=0.5)
    assert growth.days == pytest.approx(20, abs=0.1)
    assert found(ten_days, tmp_path, dead_letter_days=0)["dead letters"].days is None


def test_models_grow_until_as_many_versions_as_are_kept_are_there(
    ten_days: Adapters, tmp_path: Path
) -> None:
    for number in range(4):
        (tmp_path / "models" / f"v{number}").mkdir(parents=True)
        (tmp_path / "models" / f"v{number}" / "card.json").write_bytes(b"x" * 700)
        version = SolutionVersion(
            name=f"v{number}", solution="recommender", recipe="x", cut=Cut(0, T0),
            status=Status.ACTIVE, artefact=f"v{number}",
        )  # fmt: skip
        ten_days.registry.create(version, NOW - number * DAY)
    assert found(ten_days, tmp_path, keep_versions=0)["models"] == Growth("models", 400.0, None)
    solutions = 2
    full_after = (14 * solutions - 4) / (4 / 7)
    assert found(ten_days, tmp_path)["models"].days == pytest.approx(full_after)
    assert found(ten_days, tmp_path, keep_versions=2)["models"].days == 0


def test_what_lies_elsewhere_does_not_count(ten_days: Adapters, tmp_path: Path) -> None:
    elsewhere = {"database_url": "postgresql://db/x", "archive_url": "s3://bucket/archive"}
    assert found(ten_days, tmp_path, **elsewhere).keys() == {"models"}


def test_nothing_is_foretold_before_a_day_is_stored(adapters: Adapters) -> None:
    adapters.log.append([event("1")])
    adapters.archiver.archive_once()
    assert forecast(adapters, T0 + DAY) is None
    assert forecast(adapters, T0 + 2 * DAY) is not None


class _Disk:
    def __init__(self, free: int) -> None:
        self.free = free


@pytest.mark.parametrize("days", [29, 31])
def test_a_disk_that_is_full_within_a_month_needs_attention(
    ten_days: Adapters, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    seen = forecast(ten_days, NOW)
    assert seen is not None
    free = round(seen.per_day * (days + 0.5))
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Disk(free))
    (finding,) = disk_forecast(CheckedService(ten_days, NOW))
    assert f"enough for {days} days" in finding.message
    assert (finding.verdict is Verdict.ATTENTION) == (days < 30)
    assert ("keep-the-disk-small" in finding.next_move) == (days < 30)


def test_a_sqlite_that_cannot_measure_tables_counts_the_whole_file(
    ten_days: Adapters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = found(ten_days, tmp_path)["events"].per_day
    monkeypatch.setattr(sizes, "_CAN_TELL", text("SELECT 0"))
    assert found(ten_days, tmp_path)["events"].per_day > exact


def test_a_file_of_before_is_told_how_to_give_space_back(
    adapters: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = CheckedService(adapters, NOW)
    (finding,) = database_file(service)
    assert (finding.verdict, finding.next_move) == (Verdict.FINE, "")
    for free, verdict in ((90_000_000, Verdict.FINE), (110_000_000, Verdict.ATTENTION)):
        size = FileSize(400_000_000, free, shrinks=False)
        monkeypatch.setattr(FileSize, "of", lambda _database, size=size: size)
        (finding,) = database_file(service)
        assert finding.verdict is verdict
        assert "pawsonalize vacuum" in finding.next_move
