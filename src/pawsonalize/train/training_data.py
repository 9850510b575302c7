"""Reads the log and the catalogue into the columns that recipes train on."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core import event as events
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog, TrainingRow
from pawsonalize.models.recipes.counts.counting import EventCounts
from pawsonalize.models.recipes.data import (
    FOREVER,
    Facet,
    FacetColumn,
    Facets,
    Returned,
    StayColumns,
    TrainingData,
    facet_columns,
)
from pawsonalize.recommend.query import DISTANCE, FacetReader, item_attributes
from pawsonalize.resources.job_table import Progress, silent
from pawsonalize.resources.solutions import Cut, TrainingSelection
from pawsonalize.train.kept_rows import NameCodes

# Of a longer log, visitors with so many events are drawn to measure and to tune on.
MEASURED_EVENTS = 2_000_000
MAX_VALUES = 50  # of one facet: the commonest ones; an id of something is no facet
_EventFacets = tuple[Facet, ...]


class EventFacets:
    """The facets of events, collected row by row; most rows say the same as others."""

    def __init__(self) -> None:
        self._numbers: dict[_EventFacets, int] = {}
        self._rows = array("i")

    def add(self, facets: Iterable[Facet]) -> None:
        """The next event's facets."""
        self._rows.append(self._numbers.setdefault(tuple(facets), len(self._numbers)))

    def data(
        self, order: NDArray[np.intp], user: NDArray[np.int32], of_users: Mapping[int, _EventFacets]
    ) -> Facets:
        """The facets in the order of the data's `user`; users' own hold for all their events."""
        own = np.asarray(self._rows, np.int32)[order]
        # Before an event is known what the visitor's event before it told.
        before = np.roll(own, 1)
        before[np.flatnonzero(np.diff(user, prepend=-1))] = -1
        known = np.full(max(of_users, default=-1) + int(user.max(initial=0)) + 2, -1, np.int32)
        known[list(of_users)] = np.arange(len(of_users), dtype=np.int32)
        rows = (own, before, known[user])
        facets = Facets.unknown()
        distinct_facets = tuple(self._numbers), tuple(self._numbers), tuple(of_users.values())
        times = [
            np.bincount(one[one >= 0], minlength=len(distinct))
            for one, distinct in zip(rows, distinct_facets, strict=True)
        ]
        for column in event_facet_columns(distinct_facets[0], distinct_facets[2], times):
            facets = facets.plus(column.name, column.values, column.codes[rows[column.source]])
        return facets


def event_facet_columns(
    of_events: Sequence[_EventFacets],
    of_users: Sequence[_EventFacets],
    times: Sequence[NDArray[np.integer]],
) -> Iterator[FacetColumn]:
    """The columns of facets: of what events tell, what events before told, what users are."""
    # `times` say how often each of `of_events` is told, how often before another event, and how
    # many events each of `of_users` has.
    # An event's distance is that to its animal, which would give away the choice: a visitor's
    # distance is that of the event before.
    rest = [tuple(f for f in one if f[0] != DISTANCE) for one in of_events]
    near = [tuple(f for f in one if f[0] == DISTANCE) for one in of_events]
    return facet_columns(list(zip((rest, near, of_users), times, strict=True)), MAX_VALUES)


_HUGE = float(np.finfo(np.float32).max)  # beyond it, the column would hold infinity
_MAX_TYPES = int(np.iinfo(np.int16).max)
_EVERYTHING = TrainingSelection()


class TrainingLog(Protocol):
    """Source of training data: the log, or a sample of its visitors."""

    @property
    def event_types(self) -> events.EventTypes:
        """Meanings of the types of its events."""

    @property
    def has_digests(self) -> bool:
        """True if its rows name visitors by digests of their keys."""

    def forgotten_through(self) -> int:
        """The offset up to which events have left the log."""

    def training_rows(
        self, through: int, until: int, after: int = 0
    ) -> Iterator[Sequence[TrainingRow]]:
        """Batches, in order, of events with `after < offset <= through` and `sent_at <= until`."""


class LogReading(Protocol):
    """Counts a log that does not fit into memory."""

    def counts(
        self,
        purpose: str,
        log: EventLog,
        catalogue: Catalogue,
        cut: Cut,
        selection: TrainingSelection,
        progress: Progress = silent,
    ) -> AbstractContextManager[EventCounts]:
        """The counts of a part of the log, to be used while the block runs."""

    def sample(self, log: EventLog, catalogue: Catalogue) -> TrainingLog:
        """Return a sample of visitors of what the log holds now; see `Sampling`."""


Sampling = Callable[[EventLog, Catalogue], TrainingLog]
"""Function that reads a sample of a log for a measurement."""


def whole_log(log: EventLog, catalogue: Catalogue) -> TrainingLog:  # noqa: ARG001 - a `Sampling`
    """The log itself."""
    return log


def training_data(
    log: TrainingLog,
    catalogue: Catalogue,
    *,
    through: int,
    as_of: int,
    after: int = 0,
    selection: TrainingSelection = _EVERYTHING,
) -> TrainingData:
    """Events with `after < offset <= through` and `sent_at <= as_of`, and every item."""
    cut = Cut(through, as_of)
    rows = _rows(log, after, cut)
    return data_of(
        rows, catalogue, cut, selection, digested=log.has_digests, event_types=log.event_types
    )


def visitors_in(log: TrainingLog, cut: Cut) -> list[str]:
    """Names of the users of `training_data` of a cut: ids, or digests where the log has these."""
    against = {events.RETURN, events.DISLIKE}
    rows = (row for row in _rows(log, 0, cut) if log.event_types.meaning(row[2]) not in against)
    keys = {row[0] for row in rows}
    if log.has_digests:
        return sorted(keys, key=events.digest_number)
    # A key is a letter, a colon and the id.
    return [
        key[2:] for key in sorted(keys, key=lambda key: events.digest_number(events.digest(key)))
    ]


def has_events(log: EventLog, after: int, through: int, as_of: int) -> bool:
    """True if the log has events with `after < offset <= through`, up to `as_of`."""
    return next(iter(log.training_rows(through, as_of, after)), None) is not None


def data_of(
    rows: Iterable[TrainingRow],
    catalogue: Catalogue,
    cut: Cut,
    selection: TrainingSelection,
    digested: bool = False,
    event_types: events.EventTypes = events.STANDARD,
) -> TrainingData:
    """The same of rows of the log; `digested` if they have digests of visitors' keys."""
    columns = _Columns(catalogue, cut.as_of, selection, event_types, digested=digested)
    columns.add(rows)
    return columns.data()[0]


def marked_training_data(
    log: TrainingLog,
    catalogue: Catalogue,
    cut: Cut,
    mark: int,
    *,
    selection: TrainingSelection = _EVERYTHING,
) -> tuple[TrainingData, NDArray[np.bool_]]:
    """The same, and which of the rows the log held up to the offset `mark`, shape (N,)."""
    columns = _Columns(catalogue, cut.as_of, selection, log.event_types, digested=log.has_digests)
    # Rows up to the mark are read first, so that their places say which they are.
    early = Cut(min(mark, cut.log_offset), cut.as_of)
    columns.add(_rows(log, 0, early))
    marked = len(columns)
    columns.add(_rows(log, early.log_offset, cut))
    data, order = columns.data()
    return data, order < marked


def type_code(types: NameCodes, kind: str) -> int:
    """The number of an event type; once nearly all are given, a new type counts as a view."""
    full = len(types) >= _MAX_TYPES - 1 and kind not in types
    return types[events.VIEW if full else kind]


def stays_of(catalogue: Catalogue, as_of: int, items: NameCodes) -> StayColumns:
    """The animals' stays as known at that moment; items that only they name are named here."""
    stays = array("q")
    for stay in catalogue.stays(as_of):
        until = FOREVER if stay.until > as_of else stay.until
        stays.extend((items[stay.item_id], stay.since, until))
    columns = np.asarray(stays).reshape(-1, 3).T
    return StayColumns(columns[0].astype(np.int32), columns[1], columns[2])


def within(counts: NDArray[np.integer], percentiles: tuple[float, float]) -> NDArray[np.bool_]:
    """True for each count within the percentiles of those above 0."""
    some = counts[counts > 0]
    if not len(some):
        return counts > 0
    low, high = percentiles
    # At each end at most that share is left out, and equal counts stay together.
    # Negated, so that both ends round towards keeping: of four users, 0.99 leaves none out.
    least = -np.quantile(-some, 1 - low, method="inverted_cdf")
    most = np.quantile(some, high, method="inverted_cdf")
    return np.asarray((counts >= least) & (counts <= most), np.bool_)


class _Columns:
    """Rows of the log, gathered as columns of codes."""

    def __init__(
        self,
        catalogue: Catalogue,
        as_of: int,
        selection: TrainingSelection,
        event_types: events.EventTypes,
        *,
        digested: bool,
    ) -> None:
        catalogue = catalogue.without(selection.without)
        self._catalogue, self._reader = catalogue, FacetReader.of(catalogue)
        self._as_of, self._selection = as_of, selection
        self._digested, self._meaning = digested, event_types.meaning
        self._facets = EventFacets()
        self._against = {events.RETURN: array("q"), events.DISLIKE: array("q")}
        self._types, self._users = NameCodes(), NameCodes()
        self._items = NameCodes()
        # Those of the dataset in order of id; those that only events name come after them.
        for item in catalogue.items():
            self._items[item.item_id]  # numbers it
        self._columns = (array("i"), array("i"), array("h"), array("q"), array("f"))

    def __len__(self) -> int:
        return len(self._columns[0])

    def add(self, rows: Iterable[TrainingRow]) -> None:
        """Add those of the rows that the selection chooses."""
        user, item, event_type, time, value = self._columns
        for visitor, item_id, sent_type, sent_at, amount, properties in self._chosen(rows):
            kind = self._meaning(sent_type)
            # What speaks against an item is no choice of it, so it gets no row.
            if kind in self._against:
                self._against[kind].extend((self._items[item_id], sent_at))
                continue
            user.append(self._users[visitor])
            item.append(self._items[item_id])
            event_type.append(type_code(self._types, kind))
            time.append(sent_at)
            value.append(np.nan if amount is None else min(max(amount, -_HUGE), _HUGE))
            self._facets.add(self._reader.of_properties(properties))

    def _chosen(self, rows: Iterable[TrainingRow]) -> Iterator[TrainingRow]:
        thresholds = {
            events.plain_spelling(one.event_type): one.value_threshold
            for one in self._selection.events
        }
        age = self._selection.max_age_days
        oldest = -np.inf if age is None else self._as_of - age * DAY
        for row in rows:
            _visitor, _item_id, sent_type, sent_at, amount, _properties = row
            kind = events.plain_spelling(sent_type) if thresholds else ""
            if sent_at < oldest or (thresholds and kind not in thresholds):
                continue
            threshold = thresholds.get(kind)
            if threshold is None or (amount is not None and amount >= threshold):
                yield row

    def data(self) -> tuple[TrainingData, NDArray[np.intp]]:
        """The data, and for each row its place among the added ones."""
        user, item, event_type, time, value = (np.asarray(column) for column in self._columns)
        of_user = within(np.bincount(user), self._selection.user_percentiles)
        of_item = within(np.bincount(item), self._selection.item_percentiles)
        kept = np.flatnonzero(of_user[user] & of_item[item])
        names = self._users if self._digested else map(events.digest, self._users)
        numbers = list(map(events.digest_number, names))
        # Users are in the order of their digests, which is the same on every machine.
        ranks = np.full(len(numbers), -1, np.int32)
        by_digest = np.argsort(np.array(numbers, np.int64), kind="stable")
        by_digest = by_digest[np.isin(by_digest, user[kept])]
        ranks[by_digest] = np.arange(len(by_digest), dtype=np.int32)
        user = ranks[user]
        # Stable: events of one moment stay in the order of the log.
        order = kept[np.lexsort((time[kept], user[kept]))]
        # Before the names are read: stays may name items that no event has.
        stays = stays_of(self._catalogue, self._as_of, self._items)
        item_ids = tuple(self._items)
        data = TrainingData(
            user=user[order],
            item=item[order],
            event_type=event_type[order],
            value=value[order],
            time=time[order],
            n_users=len(by_digest),
            visitors=np.array(numbers, np.int64)[by_digest],
            item_ids=item_ids,
            event_types=tuple(self._types),
            attributes=item_attributes(item_ids, self._catalogue),
            as_of=self._as_of,
            stays=stays,
            facets=self._facets.data(order, user[order], self._facets_of_users(ranks)),
            returned=self._spoken_against(events.RETURN),
            disliked=self._spoken_against(events.DISLIKE),
        )
        return data, order

    def _spoken_against(self, kind: str) -> Returned:
        rows = np.asarray(self._against[kind]).reshape(-1, 2)
        return Returned(rows[:, 0].astype(np.int32), rows[:, 1])

    def _facets_of_users(self, ranks: NDArray[np.int32]) -> dict[int, tuple[Facet, ...]]:
        found = {}
        for user in self._catalogue.users():
            key = events.visitor_key(user.user_id, None)
            number = self._users.get(events.digest(key) if self._digested else key)
            own = tuple(self._reader.of_user(user.attributes))
            if own and number is not None and ranks[number] >= 0:
                found[int(ranks[number])] = own
        return found


def _rows(log: TrainingLog, after: int, cut: Cut) -> Iterator[TrainingRow]:
    return chain.from_iterable(log.training_rows(cut.log_offset, cut.as_of, after=after))
