"""Days of traffic under retention: what is stored stops growing, and nothing is lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.app.upkeep import upkeep
from pawsonalize.core import clock
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import LoggedEvent
from pawsonalize.core.times import HOUR
from pawsonalize.events.archive.reading import verify
from pawsonalize.resources.kind import new_recommendation_id
from tests import page_data
from tests.archive_world import ArchiveWorld
from tests.event_data import event

MIDNIGHT = 1_795_478_400_000  # 2026-11-24T00:00:00Z
_ANIMALS = [f"a{n}" for n in range(20)]


@dataclass
class Traffic:
    """A service whose clock is ours. Each part of a day brings so many events and answers."""

    settings: Settings
    adapters: Adapters
    events: int
    answers: int
    parts: int
    now: int = MIDNIGHT
    acknowledged: int = 0

    def day(self) -> None:
        """A day, archived part by part as it comes; after each part upkeep is done."""
        for _ in range(self.parts):
            self._part()
            self.adapters.archiver.archive_once()
            for _, work in upkeep(self.adapters):
                work()

    def _part(self) -> None:
        names = range(self.acknowledged, self.acknowledged + self.events)
        batch = [
            event(f"e{n}", user=f"u{n % 97}", session=f"s{n // 5}", item=f"2-Pug-1-{n % 4}",
                  sent_at=self.now + n % 900, received_at=self.now + n % 900)
            for n in names
        ]  # fmt: skip
        assert all(self.adapters.log.append(batch)), "each is new"
        self.acknowledged += len(batch)
        pages = [
            page_data.page(new_recommendation_id(self.now + n), *_ANIMALS, at=0,
                           answered_at=self.now, as_of=self.now)
            for n in range(self.answers)
        ]  # fmt: skip
        self.adapters.impressions.append(pages)
        self.now += 24 * HOUR // self.parts

    def size(self) -> int:
        """The bytes of all files, after what is in the write-ahead log is in the database."""
        with self.adapters.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        files = (one for one in self.settings.data_dir.rglob("*") if one.is_file())
        return sum(one.stat().st_size for one in files)

    def archived(self) -> list[LoggedEvent]:
        """What a replay brings back."""
        file = self.settings.data_dir.parent / "replayed.sqlite3"
        with closing(Database(f"sqlite:///{file}")) as database:
            fresh = ArchiveWorld(database, self.settings.data_dir / "archive")
            fresh.replay()
            return fresh.logged()


Run = Callable[..., Traffic]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Starts traffic with these settings."""
    with ExitStack() as stack:

        def started(events: int, answers: int, parts: int = 8, **settings: Any) -> Traffic:
            kept = Settings.of(data_dir=tmp_path / "data", **settings)
            adapters = stack.enter_context(opened(kept))
            traffic = Traffic(kept, adapters, events, answers, parts)
            monkeypatch.setattr(clock, "now", lambda: traffic.now)
            return traffic

        yield started


def assert_nothing_is_lost(traffic: Traffic) -> None:
    """Every acknowledged event is in the archive, and those of the table are there unchanged."""
    adapters = traffic.adapters
    assert verify(adapters.log, adapters.ledger, adapters.objects).findings == ()
    archived = traffic.archived()
    assert [row.event.event_id for row in archived] == [f"e{n}" for n in range(len(archived))]
    assert len(archived) == traffic.acknowledged
    left = adapters.log.read(0, adapters.log.head(), traffic.acknowledged)
    assert left == archived[-len(left) :]


def archive_size(traffic: Traffic) -> int:
    folder = traffic.settings.data_dir / "archive"
    return sum(one.stat().st_size for one in folder.rglob("*.zst"))


def test_days_of_traffic_keep_their_size_and_the_archive_all_events(run: Run) -> None:
    traffic = run(events=120, answers=60, event_days=1, impression_days=1)
    tables = []
    for _ in range(7):
        traffic.day()
        tables.append(traffic.size() - archive_size(traffic))
    assert tables[-1] < 1.1 * tables[2], "after the first days it is flat"
    assert traffic.adapters.log.count() <= 120 * 8 * 3
    assert len(traffic.adapters.ledger.segments()) < 7 + 8 * 2, "one object for a day of before"
    assert_nothing_is_lost(traffic)


def test_with_an_end_of_the_archive_all_is_flat(run: Run) -> None:
    traffic = run(events=120, answers=60, event_days=1, archive_days=2, impression_days=1)
    sizes = []
    for _ in range(8):
        traffic.day()
        sizes.append(traffic.size())
    assert sizes[-1] < 1.1 * sizes[3]


@pytest.mark.nightly
def test_a_busy_site_keeps_its_size_too(run: Run) -> None:
    """A million events and half a million answers, each hour of which is archived."""
    traffic = run(
        events=5_200, answers=2_600, parts=24, event_days=1, archive_days=2, impression_days=1
    )
    sizes = []
    for _ in range(8):
        traffic.day()
        sizes.append(traffic.size())
    assert traffic.acknowledged > 990_000
    assert sizes[-1] < 1.05 * sizes[3]
