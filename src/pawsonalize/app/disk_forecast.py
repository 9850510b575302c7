"""Checks of the disk: what is free, what a day adds, and when the disk would be full."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pawsonalize.app import checks
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.tables import impressions
from pawsonalize.core.plugin import added
from pawsonalize.core.times import DAY
from pawsonalize.events.archive.rows import ObjectName
from pawsonalize.events.archive.tables import Segment
from pawsonalize.operations.tables import FileSize, TableSizes
from pawsonalize.resources.kind import Status, first_recommendation_id
from pawsonalize.resources.solutions import Solution, SolutionVersion

_FEW_DAYS = 30  # with less, somebody has to do something
_MEGABYTE = 1_000_000
_LITTLE_SPACE = 500 * _MEGABYTE
_MUCH_FREE = 100 * _MEGABYTE
_MEASURED_DAYS = 7
_FORESEEN_DAYS = 3650


# `days` is None if nothing deletes it.
class Growth(msgspec.Struct, frozen=True):
    """Bytes that a day adds of one kind of data, until retention deletes as much: after `days`."""

    kind: str
    per_day: float
    days: float | None = None


class DiskForecast(msgspec.Struct, frozen=True):
    """The growths and the bytes that are free for them."""

    growths: tuple[Growth, ...]
    free: int

    @property
    def per_day(self) -> float:
        """The bytes that a day adds now."""
        return sum(one.per_day for one in self.growths if one.days is None or one.days >= 1)

    @property
    def days_left(self) -> int | None:
        """After how many days the disk is full; None if that is more than ten years away."""
        free = float(self.free)
        for day in range(_FORESEEN_DAYS):
            free -= sum(g.per_day for g in self.growths if g.days is None or day < g.days)
            if free < 0:
                return day
        return None


def forecast(adapters: Adapters, now: int) -> DiskForecast | None:
    """Return the forecast by the last seven days; None before a first day is stored."""
    segments = adapters.ledger.segments()
    names = [name for one in segments if (name := ObjectName.parse(one.key)) is not None]
    # Nights and days differ, so less than a day says little.
    if not names or names[0].ends > now - DAY:
        return None
    measuring = DiskGrowth(adapters, now, segments, (now - names[0].ends) / DAY)
    size = FileSize.of(adapters.database)
    # SQLite fills free pages of its file before the file grows.
    free = shutil.disk_usage(adapters.settings.data_dir).free + (0 if size is None else size.free)
    return DiskForecast(tuple(measuring.growths()), free)


class DiskGrowth(msgspec.Struct, frozen=True):
    """Measures what a day adds, as of `now`, of data that began `age_days` ago."""

    adapters: Adapters
    now: int
    segments: Sequence[Segment]
    age_days: float

    @property
    def settings(self) -> Settings:
        """Settings of the service, among them how long data are kept."""
        return self.adapters.settings

    def growths(self) -> Iterator[Growth]:
        """Yield the growth of each kind that lies on this disk."""
        keeps = self.settings
        if keeps.database_url == "":
            rows = sum(one.rows for one in self._recent())
            size = TableSizes(self.adapters.database).events().per_row * rows
            yield self.growth("events", size, keeps.event_days)
            yield self._answers()
            yield from (growth(self) for growth in added("growth"))
        if "://" not in keeps.archive:
            size = sum(_size(Path(keeps.archive) / one.key) for one in self._recent())
            yield self.growth("archive", size, keeps.archive_days)
        if not keeps.artefact_url:
            yield self._models()

    @property
    def _span(self) -> float:
        return min(_MEASURED_DAYS, max(1.0, self.age_days))

    def _recent(self) -> list[Segment]:
        named = ((one, ObjectName.parse(one.key)) for one in self.segments)
        return [one for one, name in named if name is not None and name.ends > self.since]

    def _full(self, kept_days: int, age_days: float) -> float | None:
        return max(0.0, kept_days - age_days) if kept_days else None

    def _answers(self) -> Growth:
        sizes = TableSizes(self.adapters.database)
        first = sizes.first_answer_at()
        age = 0.0 if first is None else (self.now - first) / DAY
        first_new = first_recommendation_id(self.since)
        per_day = sizes.answers_since(first_new) / min(_MEASURED_DAYS, max(1.0, age))
        bytes_a_day = per_day * sizes.size(impressions).per_row
        return Growth("answers", bytes_a_day, self._full(self.settings.impression_days, age))

    @property
    def since(self) -> int:
        """The moment from which on is measured."""
        return self.now - _MEASURED_DAYS * DAY

    def growth(self, kind: str, new_bytes: float, kept_days: int) -> Growth:
        """Return the growth by `new_bytes` since `since`; it ends when the oldest are deleted."""
        return Growth(kind, new_bytes / self._span, self._full(kept_days, self.age_days))

    def _models(self) -> Growth:
        """The growth of models, until each solution has as many versions as are kept."""
        registry = self.adapters.registry
        versions = [one for one in registry.all(SolutionVersion) if one.status is Status.ACTIVE]
        new = [one for one in versions if one.created_at > self.since]
        size = sum(_size(self.settings.models_dir / (one.artefact or "")) for one in new)
        kept = self.settings.keep_versions * sum(1 for _ in registry.all(Solution))
        coming = max(0, kept - len(versions))
        days = coming / (len(new) / self._span) if new else 0.0
        per_day = size / self._span
        return Growth("models", per_day, days if self.settings.keep_versions else None)


def _size(path: Path) -> int:
    """The bytes of a file, or of the files of a folder; 0 if it is gone."""
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.iterdir()) if path.is_dir() else 0


def disk(settings: Settings) -> Iterator[checks.Diagnosis]:
    """Report the free space of the disk that has the data."""
    folder = settings.data_dir.absolute()
    # Before there is a data folder, the nearest one above it has the disk.
    usage = shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists()))
    free = f"{usage.free / _MEGABYTE:,.0f} MB of {usage.total / _MEGABYTE:,.0f} MB are free"
    if usage.free < _LITTLE_SPACE:
        yield checks.attention(free, "free some space: when it is full, events are refused")
    else:
        yield checks.fine(free)


def disk_forecast(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Forecast for how many days there is room, by what a day adds."""
    found = forecast(service.adapters, service.now)
    if found is None:
        yield checks.fine("known when events of more than a day are archived")
        return
    parts = ", ".join(f"{one.kind} {one.per_day / _MEGABYTE:,.1f}" for one in found.growths)
    days = "more than ten years" if found.days_left is None else f"{found.days_left:,} days"
    per_day = f"{found.per_day / _MEGABYTE:,.1f} MB ({parts})"
    text = f"a day adds {per_day}; what is free is enough for {days}"
    if found.days_left is not None and found.days_left < _FEW_DAYS:
        move = "keep less, see docs/how-to/keep-the-disk-small.md, or give the disk more space"
        yield checks.attention(text, move)
    else:
        yield checks.fine(text)


def database_file(service: checks.CheckedService) -> Iterator[checks.Diagnosis]:
    """Report the free part of a SQLite file, and a file that cannot give it back."""
    size = FileSize.of(service.adapters.database)
    if size is None:
        return
    text = f"{size.total / _MEGABYTE:,.1f} MB, of which {size.free / _MEGABYTE:,.1f} MB are free"
    if size.shrinks:
        yield checks.fine(text)
        return
    text += "; it was made before files could give that back to the disk"
    move = "run `pawsonalize vacuum` once, at a quiet time"
    if size.free > max(_MUCH_FREE, size.total // 4):
        yield checks.attention(text, move)
    else:
        yield checks.fine(text, move)


CHECKS = (
    checks.Check("disk", disk, checks.EVERYWHERE, is_of_machine=True),
    checks.Check(
        "disk forecast",
        disk_forecast,
        (checks.CheckPlace.DOCTOR, checks.CheckPlace.OVERVIEW),
        is_slow=True,
    ),
    checks.Check("database file", database_file, checks.IN_DOCTOR, is_slow=True),
)
