"""The log of events: one durable, de-duplicated append, and all ways to read it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import compress, groupby
from typing import ClassVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, select, update

from pawsonalize.animals.tables.animals import add_shown, add_shown_animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import Insert, insert_new, means, merging, rows_of, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import dataset_group_days as days
from pawsonalize.core.database.tables import dataset_group_sizes as sizes
from pawsonalize.core.database.tables import events, log_marks, sessions
from pawsonalize.core.event import (
    ACTIONS,
    AS_SENT,
    DEFAULT_DATASET_GROUP,
    STANDARD,
    Event,
    EventTypes,
    LoggedEvent,
    owning_group,
)
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_reads import (
    FORGOTTEN,
    INTERACTION,
    IS_IMPORTED,
    NO_ANSWER_TO_A_BOARD,
    OF_AN_ANIMAL,
    Histories,
    Interaction,
    add_raws,
    as_row,
    forget_table,
    forget_through,
    forgotten_through,
    go_on_after,
    left_early,
    read_event_row,
    reporting_lists,
    take_out_raws,
)
from pawsonalize.events.tables.training_files import TRAINING_ROWS

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


_PART = 10_000
_ERASED_BATCH = 10_000  # between two of them, others may write


class Touched(msgspec.Struct, frozen=True):
    """Number and earliest moment of an item's events in a part of the log."""

    events: int  # number of events
    first_sent_at: int  # when the first of them was sent


TrainingRow = tuple[str, str, str, int, float | None, str | None]
"""(visitor key, item_id, event_type, sent_at, event_value, properties).

The key is `u:` and the user's id, or `s:` and the session's id. A session that is bound to a user
counts as the user.
"""


# All dataset groups share one log. `append`, `take_in`, `head`, `count`, `types`, `read` and
# `restore` are about all of them. Every other method is about one dataset group.
class EventLog(Histories):
    """The events table. Events are only appended; offsets grow in the order of commits."""

    def __init__(
        self,
        database: Database,
        dataset_group: str = DEFAULT_DATASET_GROUP,
        event_types: EventTypes = STANDARD,
        *,
        keeps_raw: bool = True,
    ) -> None:
        super().__init__(database, dataset_group)
        self._event_types = event_types
        self._keeps_raw = keeps_raw

    has_digests: ClassVar[bool] = False
    """True if training rows name visitors by digests of their keys."""

    @property
    def event_types(self) -> EventTypes:
        """Meanings of the types of its events."""
        # The table keeps each type as it was sent.
        return AS_SENT if self._dataset_group.endswith(ACTIONS) else self._event_types

    @property
    def dataset_group(self) -> str:
        """Dataset group of its events, except in calls about all groups."""
        return self._dataset_group

    def append(self, batch: Sequence[Event]) -> list[bool]:
        """Store events durably, in order and in one transaction: all of them or none.

        Returns one flag for each event: True if it is stored, False if its dataset group already
        has its event id, in the table or earlier in this call. An event with a user and a session
        binds the session to the user. A session stays with its first user.
        """
        if not batch:
            return []
        with self._database.writing() as connection:
            return self._stored(connection, batch)

    def take_in(self, batch: Sequence[Event], limits: DailyLimits) -> list[bool | None]:
        """Store counted events within limits; the flag of one beyond its limit is None."""
        if not batch:
            return []
        with self._database.writing() as connection:
            allowed = apply_limits(connection, batch, limits)
            stored = iter(self._stored(connection, list(compress(batch, allowed))))
            flags = [next(stored) if one else None for one in allowed]
            count_events(connection, batch, flags)
        return flags

    def _stored(self, connection: Connection, batch: Sequence[Event]) -> list[bool]:
        if not batch:
            return []
        before = _head(connection)
        stored = insert_new(connection, events, [as_row(event) for event in batch])
        offsets = _offsets(connection, batch, before, stored)
        flags = [offset is not None for offset in offsets]
        if self._keeps_raw:
            pairs = zip(offsets, batch, strict=True)
            raws = {at: one.raw for at, one in pairs if at is not None and one.raw is not None}
            add_raws(connection, raws)
        # A duplicate does nothing: it is not in the log, so a replay would not see it.
        fresh = list(compress(batch, flags))
        _bind_sessions(connection, fresh)
        add_shown(connection, _reported_lists(fresh))
        lists = [(one.received_at, one.impression) for one in reporting_lists(fresh)]
        add_shown_animals(connection, lists)
        return flags

    def head(self) -> int:
        """The highest offset ever given, 0 for an empty log."""
        return self._with(_head)

    def forgotten_through(self) -> int:
        """The offset up to which events have left the table; 0 if none have."""
        return self._with(forgotten_through)

    def left_early(self) -> dict[str, int]:
        """Up to which offsets events of dataset groups have left the table before the others'."""
        return self._with(left_early)

    def rows_through(self, through: int) -> int:
        """Count the dataset group's events with `offset <= through`. Reads them all."""
        mine = (self._mine(events), events.c.offset <= through)
        return int(self._scalar(select(func.count()).select_from(events).where(*mine)))

    def is_empty(self) -> bool:
        """True if there is no event of the dataset group."""
        return not self._rows(select(events.c.offset).where(self._mine(events)).limit(1))

    def count(self) -> int:
        """Count the events of all dataset groups. Reads the whole log."""
        return int(self._scalar(select(func.count()).select_from(events)))

    def types(self) -> dict[tuple[str, str], int]:
        """Count the events of each dataset group by type, as sent. Reads the whole log."""
        kinds = (events.c.dataset_group, events.c.event_type)
        counted = select(*kinds, func.count()).group_by(*kinds)
        return {(row[0], row[1]): row[2] for row in self._rows(counted)}

    def interactions(self, after: int, limit: int) -> list[Interaction]:
        """Events with animals and `after < offset`, in the order of offsets; no picks."""
        return self._interactions(OF_AN_ANIMAL & NO_ANSWER_TO_A_BOARD, after, limit)

    def picks(self, after: int, limit: int) -> list[Interaction]:
        """The answers to boards with `after < offset`, in the order of offsets."""
        return self._interactions(~NO_ANSWER_TO_A_BOARD, after, limit)

    def _interactions(
        self, those: ColumnElement[bool], after: int, limit: int
    ) -> list[Interaction]:
        found = select(*INTERACTION).where(those, events.c.offset > after, self._mine(events))
        return [
            Interaction(*row) for row in self._rows(found.order_by(events.c.offset).limit(limit))
        ]

    def read(self, after: int, through: int, limit: int) -> list[LoggedEvent]:
        """Events with `after < offset <= through`, in the order of offsets."""
        wanted = select(events).where(events.c.offset > after, events.c.offset <= through)
        rows = self._rows(wanted.order_by(events.c.offset).limit(limit))
        return [read_event_row(row) for row in rows]

    def read_all(self, after: int, through: int) -> Iterator[LoggedEvent]:
        """Events as of `read`, in parts: few are in memory, and no transaction lasts."""
        while part := self.read(after, through, _PART):
            yield from part
            after = part[-1].offset

    def outcomes(self, after: int, limit: int) -> list[LoggedEvent]:
        """Events with `after < offset` that have a recommendation id, in the order of offsets."""
        named = events.c.recommendation_id.is_not(None)
        return self._events(events.c.offset > after, named, limit=limit)

    # These two are slow: for reports, never for answers.
    def of_meanings(
        self, meanings: Collection[str], since: int, until: int, after: int, limit: int
    ) -> list[LoggedEvent]:
        """Events of these meanings, sent from `since` to before `until`, beyond offset `after`."""
        of_these = means(self.event_types, meanings)
        return self._events(events.c.offset > after, of_these, *_sent(since, until), limit=limit)

    def sessions(self, since: int, until: int) -> set[str]:
        """The ids of the sessions that have an event sent in that time."""
        session = events.c.session_id
        wanted = select(session).where(
            self._mine(events), session.is_not(None), *_sent(since, until)
        )
        return set(self._scalars(wanted.distinct()))

    def most_sessions(self) -> tuple[str, int]:
        """The user with most sessions, and how many; none of nobody."""
        user, count = sessions.c.user_id, func.count().label("count")
        wanted = select(user, count).where(self._mine(sessions)).group_by(user)
        return self._first(wanted.order_by(count.desc(), user))

    def most_events(self) -> tuple[str, int]:
        """The session with most events of nobody, and how many; none of no session."""
        session, count = events.c.session_id, func.count().label("count")
        wanted = select(session, count).where(self._mine(events), events.c.user_id.is_(None))
        return self._first(wanted.group_by(session).order_by(count.desc(), session))

    def _first(self, wanted: Select[tuple[str, int]]) -> tuple[str, int]:
        rows = self._rows(wanted.limit(1))
        return (rows[0][0], rows[0][1]) if rows else ("", 0)

    def users_of(self, session_ids: Collection[str]) -> dict[str, str]:
        """The user of each of these sessions that is bound to one."""
        bound = select(sessions.c.session_id, sessions.c.user_id).where(self._mine(sessions))
        found = self._with(rows_of, bound, sessions.c.session_id, session_ids)
        return {row[0]: row[1] for row in found}

    def restore(self, batch: Sequence[LoggedEvent]) -> None:
        """Write events at the offsets they had, for a replay. The offsets must be free."""
        if not batch:
            return
        rows = [{"offset": one.offset, **as_row(one.event)} for one in batch]
        with self._database.writing() as connection:
            connection.execute(events.insert(), rows)
            for group in {one.event.dataset_group for one in batch}:
                forget_table(connection, group)
            _bind_sessions(connection, [one.event for one in batch])
            add_shown(connection, _reported_lists(one.event for one in batch))
            go_on_after(connection, batch[-1].offset)

    def restored(self, last: int, other_through: int) -> None:
        """After a replay: new events get offsets beyond `last`, the archive's last one."""
        # Up to the other offset the table does not hold all that the archive does, as if events had
        # left it.
        with self._database.writing() as connection:
            go_on_after(connection, last)
            forget_through(connection, other_through)

    def training_rows(
        self, through: int, until: int, after: int = 0
    ) -> Iterator[Sequence[TrainingRow]]:
        """Batches, in order, of events with `after < offset <= through` and `sent_at <= until`."""
        span = {"group": self._dataset_group, "through": through, "until": until}
        while rows := self._rows(TRAINING_ROWS, span | {"after": after}):
            after = rows[-1][0]
            yield [tuple(row[1:]) for row in rows]

    def bound(self, after: int, through: int) -> dict[str, str]:
        """The user of each session with an event of a user in `after < offset <= through`."""
        # Not a join: SQLite would look through the events of the span for each session there is.
        of_users = select(events.c.session_id).where(
            *self._between(after, through), events.c.user_id.is_not(None)
        )
        named = select(sessions.c.session_id, sessions.c.user_id).where(
            self._mine(sessions), sessions.c.session_id.in_(of_users)
        )
        return {row[0]: row[1] for row in self._rows(named)}

    def touched(self, after: int, through: int) -> dict[str, Touched]:
        """Return each item's events in `after < offset <= through`; none for an item without."""
        counted = select(events.c.item_id, func.count(), func.min(events.c.sent_at))
        those = (*self._between(after, through), NO_ANSWER_TO_A_BOARD)
        counted = counted.where(*those).group_by(events.c.item_id)
        return {row[0]: Touched(row[1], row[2]) for row in self._rows(counted)}

    def _between(self, after: int, through: int) -> tuple[ColumnElement[bool], ...]:
        return events.c.offset > after, events.c.offset <= through, self._mine(events)

    def user_ids(self, after: str, limit: int) -> list[str]:
        """The ids of users who have events, sorted: at most `limit`, beyond the id `after`."""
        found = select(events.c.user_id).where(self._mine(events), events.c.user_id > after)
        return list(self._scalars(found.distinct().order_by(events.c.user_id).limit(limit)))

    def erase(self, *, imported_only: bool = False) -> int:
        """Delete the dataset group's events and sessions, or its imported events; count events."""
        # This takes several transactions, so a reader may meanwhile find some of the events.
        mine = self._mine(events)
        with self._database.writing() as connection:
            # Before the first event goes, so that no training reads a table of the log as it was.
            forget_table(connection, self._dataset_group)
        if imported_only:
            mine &= IS_IMPORTED
        erased = after = 0
        while True:
            with self._database.writing() as connection:
                # By pages, since one DELETE of all would keep every other writer waiting.
                page = select(events.c.offset).where(mine, events.c.offset > after)
                page = page.order_by(events.c.offset).limit(_ERASED_BATCH)
                last = connection.scalar(select(func.max(page.subquery().c.offset)))
                if last is None:
                    if not imported_only:
                        connection.execute(delete(sessions).where(self._mine(sessions)))
                    return erased
                span = mine & (events.c.offset > after) & (events.c.offset <= last)
                take_out_raws(connection, span)
                erased += connection.execute(delete(events).where(span)).rowcount
            after = last


_HEAD = select(func.max(events.c.offset), FORGOTTEN.scalar_subquery())


def _sent(since: int, until: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return events.c.sent_at >= since, events.c.sent_at < until


def _head(connection: Connection) -> int:
    newest, forgotten = connection.execute(_HEAD).one()
    return max(newest or 0, forgotten or 0)


def _offsets(
    connection: Connection, batch: Sequence[Event], before: int, stored: int
) -> list[int | None]:
    """The offsets of the events that this transaction stored, None for those that were there."""
    # As a rule there is no duplicate, and the offsets follow each other.
    if stored == len(batch) and _head(connection) == before + stored:
        return list(range(before + 1, before + stored + 1))
    fresh = select(events.c.dataset_group, events.c.event_id, events.c.offset)
    found = connection.execute(fresh.where(events.c.offset > before))
    offsets = {(group, event_id): offset for group, event_id, offset in found}
    # A second one in the same batch is a duplicate.
    return [offsets.pop((event.dataset_group, event.event_id), None) for event in batch]


def _reported_lists(batch: Iterable[Event]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for one in reporting_lists(batch):
        yield one.dataset_group, min(one.sent_at, one.received_at), one.impression


def _bind_sessions(connection: Connection, batch: Sequence[Event]) -> None:
    bound: dict[tuple[str, str], tuple[str, int]] = {}
    for event in batch:
        if event.user_id is not None and event.session_id is not None:
            session = (event.dataset_group, event.session_id)
            # A session stays with its first user.
            bound.setdefault(session, (event.user_id, event.sent_at))
    if bound:
        rows = [
            {"dataset_group": group, "session_id": session, "user_id": user, "bound_at": at}
            for (group, session), (user, at) in bound.items()
        ]
        insert_new(connection, sessions, rows)
