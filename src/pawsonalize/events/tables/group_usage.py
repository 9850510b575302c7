"""Usage of each dataset group by day, and the sizes of what it has stored."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, bindparam, delete, func, select, update

from pawsonalize.core.database.statements import Insert, merging, rows_of, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import dataset_group_days as days
from pawsonalize.core.database.tables import dataset_group_sizes as sizes
from pawsonalize.core.database.tables import events, log_marks
from pawsonalize.core.event import Event, owning_group
from pawsonalize.core.times import DAY

_THROUGH = "dataset groups counted through"
_SINCE = "dataset groups counted anew at"


class GroupSize(msgspec.Struct, frozen=True):
    """Stored events and model bytes of a dataset group."""

    dataset_group: str
    events: int  # events in the table, without those that are in the archive alone
    model_bytes: int  # bytes of its models


class CountMark(msgspec.Struct, frozen=True):
    """Offset up to which events were counted."""

    through: int  # up to this offset of the log
    anew_at: int  # when all of them were counted the last time, in milliseconds since 1970


class GroupSizes(TableAccess):
    """The table of sizes."""

    def all(self) -> dict[str, GroupSize]:
        """The sizes of all dataset groups that were counted, by name."""
        return {row["dataset_group"]: GroupSize(**row) for row in self._mappings(select(sizes))}

    def of(self, group: str) -> GroupSize | None:
        """The size of one; None before it was counted."""
        rows = self._mappings(select(sizes).where(sizes.c.dataset_group == group))
        return next((GroupSize(**row) for row in rows), None)

    def mark(self) -> CountMark:
        """Return how far events were counted."""
        return self._with(_mark)

    def events_between(self, after: int, through: int) -> dict[str, int]:
        """Count each dataset group's events with `after < offset <= through`. Reads them."""
        part = (events.c.offset > after, events.c.offset <= through)
        found = select(events.c.dataset_group, func.count()).where(*part)
        counts: Counter[str] = Counter()
        for group, count in self._rows(found.group_by(events.c.dataset_group)):
            counts[owning_group(group)] += count
        return dict(counts)

    def put(
        self,
        counted: Sequence[GroupSize],
        gone: Collection[str],
        mark: CountMark,
        *,
        expected: CountMark,
    ) -> bool:
        """Replace sizes, if nobody has moved the mark meanwhile; returns whether that was so."""
        with self._database.writing() as connection:
            if _mark(connection) != expected:
                return False
            upsert(connection, sizes, [asdict(one) for one in counted])
            for group in gone:
                connection.execute(delete(sizes).where(sizes.c.dataset_group == group))
            rows = [(_THROUGH, mark.through), (_SINCE, mark.anew_at)]
            upsert(connection, log_marks, [{"name": name, "offset": at} for name, at in rows])
            return True


def _mark(connection: Connection) -> CountMark:
    mine = log_marks.c.name.in_([_THROUGH, _SINCE])
    wanted = select(log_marks.c.name, log_marks.c.offset).where(mine)
    found = {row.name: row.offset for row in connection.execute(wanted)}
    return CountMark(found.get(_THROUGH, 0), found.get(_SINCE, 0))


# A day is a number of days since 1970, in UTC.
class DayCounts(msgspec.Struct, frozen=True):
    """Use of a dataset group on one day; `…_ms` are milliseconds."""

    dataset_group: str
    day: int
    requests: int = 0  # requests that were answered, at both doors
    refused: int = 0  # requests that were refused because of a limit, or because too many waited
    answer_ms: int = 0  # time spent on the answers
    events: int = 0  # new events that were stored; imports are left out
    events_refused: int = 0  # events that were refused because of a limit
    trainings: int = 0  # trainings that were asked for
    training_ms: int = 0  # processor time of trainings, of all cores


_COUNTS = [name for name in DayCounts.__struct_fields__ if name not in {"dataset_group", "day"}]
Place = tuple[str, int]
"""A dataset group and a day."""


class GroupDays(TableAccess):
    """The counts; what several processes add at the same time adds up."""

    def add(self, counts: Sequence[DayCounts]) -> None:
        """Add to what is counted, durably; each dataset group and day at most once in a call."""
        if not counts:
            return
        with self._database.writing() as connection:
            _add(connection, counts)

    def between(self, first: int, last: int, group: str | None = None) -> list[DayCounts]:
        """The counts of days `first` to `last`, newest first; of one dataset group or of all."""
        wanted = select(days).where(days.c.day >= first, days.c.day <= last)
        if group is not None:
            wanted = wanted.where(days.c.dataset_group == group)
        wanted = wanted.order_by(days.c.day.desc(), days.c.dataset_group)
        return [DayCounts(**row) for row in self._mappings(wanted)]

    def take_training(self, group: str, day: int, most: int | None) -> bool:
        """Count a training; False, and it does not count, if the day has so many already."""
        here = (days.c.dataset_group == group) & (days.c.day == day)
        if most is not None:  # who tries again and again keeps no other writer waiting
            if (self._scalar(select(days.c.trainings).where(here)) or 0) >= most:
                return False
            here &= days.c.trainings < most
        with self._database.writing() as connection:
            _add(connection, [DayCounts(group, day)])
            # The statement that counts also checks, so of two servers only one takes the last
            # place.
            counted = update(days).where(here).values(trainings=days.c.trainings + 1)
            return connection.execute(counted).rowcount == 1

    def return_training(self, group: str, day: int) -> None:
        """Count it no more: it was not begun."""
        with self._database.writing() as connection:
            _add(connection, [DayCounts(group, day, trainings=-1)])

    def forget(self, before: int) -> int:
        """Delete the counts of earlier days; returns how many rows those were."""
        return self._execute(delete(days).where(days.c.day < before))


def _add(connection: Connection, counts: Sequence[DayCounts]) -> None:
    statement = _adding(connection.dialect.name, tuple(_COUNTS))
    connection.execute(statement, [asdict(one) for one in counts])


@lru_cache
def _adding(dialect: str, names: tuple[str, ...]) -> Insert:
    """The statement that adds to these counts; every commit of events needs it."""
    return merging(dialect, days, lambda new: {name: days.c[name] + new[name] for name in names})


class DailyLimits(msgspec.Struct, frozen=True):
    """Limits of new events a day by dataset group, for one batch of events."""

    most: Mapping[str, int]  # by dataset group; one that is left out has no limit
    # For each event, what it is a part of: such a part is stored whole, or not at all.
    units: Sequence[object | None]


def apply_limits(connection: Connection, batch: Sequence[Event], limits: DailyLimits) -> list[bool]:
    """Return the events that the limits allow; a duplicate needs no room."""
    if not limits.most:
        return [True] * len(batch)
    places = [_place(event) for event in batch]
    wanted = Counter(place for place in places if place[0] in limits.most)
    left = {}
    for group, day in wanted:
        used = connection.scalar(_USED, {"of_group": group, "of_day": day}) or 0
        left[group, day] = limits.most[group] - used
    # As a rule there is room for all, even without a look at duplicates.
    if all(left[place] >= count for place, count in wanted.items()):
        return [True] * len(batch)
    known = _known(connection, [one for one in batch if _place(one) in wanted])
    allowed: list[bool] = []
    numbered = enumerate(zip(batch, places, limits.units, strict=True))
    # What is of no unit stands for itself.
    for _, unit in groupby(numbered, lambda one: one[0] if one[1][2] is None else one[1][2]):
        parts = [(event, place) for _, (event, place, _) in unit]
        fresh = {(event.dataset_group, event.event_id) for event, _ in parts} - known
        place = parts[0][1]
        fits = place not in left or len(fresh) <= left[place]
        if fits and place in left:
            left[place] -= len(fresh)
            # A second event of that id in the batch needs no room either.
            known |= fresh
        allowed += [fits] * len(parts)
    return allowed


def count_events(
    connection: Connection, batch: Sequence[Event], stored: Sequence[bool | None]
) -> None:
    """Count which of the events are new (True), and which were refused (None)."""
    new: Counter[Place] = Counter()
    refused: Counter[Place] = Counter()
    for event, flag in zip(batch, stored, strict=True):
        if flag is not False:
            (refused if flag is None else new)[_place(event)] += 1
    names = ("dataset_group", "day", *_OF_EVENTS)
    rows = [
        dict(zip(names, (*place, new[place], refused[place]), strict=True))
        for place in sorted(new | refused)
    ]
    if rows:
        connection.execute(_adding(connection.dialect.name, _OF_EVENTS), rows)


_OF_EVENTS = ("events", "events_refused")
_USED = select(days.c.events).where(
    days.c.dataset_group == bindparam("of_group"), days.c.day == bindparam("of_day")
)


def _place(event: Event) -> Place:
    return owning_group(event.dataset_group), event.received_at // DAY


def _known(connection: Connection, batch: Sequence[Event]) -> set[tuple[str, str]]:
    """The dataset groups and ids of the events that are stored already."""
    known: set[tuple[str, str]] = set()
    for group in {event.dataset_group for event in batch}:
        ids = [event.event_id for event in batch if event.dataset_group == group]
        mine = select(events.c.event_id).where(events.c.dataset_group == group)
        found = rows_of(connection, mine, events.c.event_id, ids)
        known |= {(group, event_id) for (event_id,) in found}
    return known
