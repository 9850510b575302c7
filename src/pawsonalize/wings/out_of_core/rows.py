"""From the training table's files to coded histories, part by part of the visitors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.counts.weights import LogClock
from pawsonalize.wings.out_of_core.base import CountingEngine, Frame
from pawsonalize.wings.out_of_core.expressions import between, col
from pawsonalize.wings.out_of_core.files import Columns
from pawsonalize.wings.out_of_core.sampling import last_of_sample

_HUGE = float(np.finfo(np.float32).max)
_HALF = 2.0**63


@dataclass(frozen=True, slots=True)
class LogSource:
    """Which rows of which files a count is of.

    Visitors are numbers made of digests, see `digest_number`.
    """

    files: Sequence[str]
    """Files of the training table."""
    after: int
    """Rows with `after < offset <= through` count."""
    through: int
    until: int
    """Rows with `since <= sent_at <= until` count, milliseconds since 1970."""
    since: int | None = None
    sessions: Columns = field(default_factory=dict)
    """Whose sessions are known by now: `visitor` of the session, and `user`."""
    users: Columns = field(default_factory=dict)
    """What is stored of users: `visitor`, and `own`, a code."""


@dataclass(frozen=True, slots=True)
class SentType:
    """What an event type, as it was sent, counts as."""

    name: str
    kind: int
    """A code; below 0, an event that speaks against its item."""
    least: float | None = None
    """Only events with at least this value count."""


class LogRows:
    """The rows of a source, in the order of the log as far as one matters."""

    def __init__(self, engine: CountingEngine, source: LogSource) -> None:
        self._engine = engine
        self._source = source
        rows = engine.scan(source.files) if source.files else engine.table(_nothing())
        rows = rows.filter(
            (col("offset") > source.after)
            & (col("offset") <= source.through)
            & (col("sent_at") <= source.until)
        )
        if source.since is not None:
            rows = rows.filter(col("sent_at") >= source.since)
        self._rows = rows

    def sample(self, most: int) -> Columns:
        """The rows of a sample of visitors, in the order of the log; see `last_of_sample`."""
        engine, rows = self._engine, _resolved(self._engine, self._source, self._rows)
        count = int(engine.collect(rows.select(n=nw.len()))["n"][0])
        last = last_of_sample(engine, [rows], count, most)
        rows = rows if last is None else rows.filter(col("visitor") <= last)
        return _sorted(engine.collect(rows), "offset")

    def sent_types(self) -> list[str]:
        """The event types there are, as they were sent, sorted."""
        return sorted(self._engine.collect(self._rows.select("event_type").unique())["event_type"])

    def of_types(self, types: Sequence[SentType]) -> "ChosenRows":
        """The rows of these types."""
        known = self._engine.table(
            {
                "event_type": [one.name for one in types],
                "kind": np.array([one.kind for one in types], np.int32),
                "least": np.array(
                    [-np.inf if one.least is None else one.least for one in types], np.float64
                ),
            }
        )
        value = col("value").fill_null(-np.inf)
        rows = self._rows.join(known, on="event_type", how="inner").filter(value >= col("least"))
        return ChosenRows(self._engine, self._source, rows)


class ChosenRows:
    """The rows that count, with the `kind` of each."""

    def __init__(self, engine: CountingEngine, source: LogSource, rows: Frame) -> None:
        self._engine = engine
        self._source = source
        self._rows = rows

    def kinds(self) -> list[int]:
        """The kinds there are, in the order in which they are first met."""
        kinds: list[int] = self._first_met(self._rows, "kind")["kind"].tolist()
        return kinds

    def items(self) -> list[str]:
        """The items there are, in the order in which they are first met."""
        return list(self._first_met(self._rows, "item")["item"])

    def told(self) -> tuple[list[str | None], NDArray[np.int64]]:
        """What choices tell, in the order in which it is first met, and how many tell so."""
        found = self._first_met(self._rows.filter(col("kind") >= 0), "told")
        return list(found["told"]), found["count"]

    def against(self) -> Columns:
        """The rows that speak against items, in the order of the log: kind, item, sent_at."""
        rows = self._rows.filter(col("kind") < 0).select("offset", "kind", "item", "sent_at")
        return _sorted(self._engine.collect(rows), "offset")

    def stored(self, items: Mapping[str, int], said: Mapping[str | None, int]) -> "StoredRows":
        """The choices by their visitors, coded by these codes, evaluated and kept."""
        engine, source = self._engine, self._source
        rows = self._rows.filter(col("kind") >= 0)
        rows = rows.join(_codes(engine, "item", "code", items), on="item", how="inner")
        silent = said.get(None, -1)
        told = {text: code for text, code in said.items() if text is not None}
        if told:
            rows = rows.join(_codes(engine, "told", "said", told), on="told", how="left")
            rows = rows.with_columns(said=col("said").fill_null(silent))
        else:
            rows = rows.with_columns(said=nw.lit(silent))
        rows = _resolved(engine, source, rows)
        count = int(engine.collect(rows.select(n=nw.len()))["n"][0])
        parts = max(1, -(-count // engine.rows_per_part))
        # The same for all rows of a visitor, and in the order of visitors.
        share = (col("visitor").cast(nw.Float64) + _HALF) * (parts / (2 * _HALF))
        value = between(col("value"), -_HUGE, _HUGE).cast(nw.Float32).cast(nw.Float64)
        rows = rows.select(
            "offset",
            "visitor",
            col("kind"),
            item=col("code"),
            time=col("sent_at"),
            value=value,
            said=col("said").cast(nw.Int32),
            part=between(share.floor(), 0.0, parts - 1.0).cast(nw.Int32),
        )
        stored = engine.store_parts(rows, "rows", parts) if count else []
        return StoredRows(engine, source, stored, count)

    def _first_met(self, rows: Frame, name: str) -> Columns:
        grouped = rows.group_by(name).agg(first=col("offset").min(), count=nw.len())
        return _sorted(self._engine.collect(grouped), "first")


class StoredRows:
    """The coded rows of each part."""

    def __init__(
        self, engine: CountingEngine, source: LogSource, parts: Sequence[Frame], count: int
    ) -> None:
        self._engine = engine
        self._source = source
        self._parts = parts
        self.count = count

    def times(self) -> NDArray[np.int64]:
        """The first and the last moment of each day."""
        found = [np.zeros(0, np.int64)]
        for part in self._parts:
            days = part.select("time", day=col("time") - col("time") % DAY)
            edges = days.group_by("day").agg(first=col("time").min(), last=col("time").max())
            columns = self._engine.collect(edges)
            found += [columns["first"], columns["last"]]
        return np.unique(np.concatenate(found)).astype(np.int64)

    def histories(self, clock: LogClock, last: int) -> list[Frame]:
        """Each part by its visitors' histories: a frame for each part, evaluated and kept.

        `last` is the last moment of all.

        Columns: visitor, item, kind, time, value, said, as in the rows; `place` from 1 on, `active`
        time by the clock; of the row before its item, `before`, and what it said, `near`; `own` is
        what is stored of the user. Where there is none, codes are -1.
        """
        kept = []
        for part in self._parts:
            order = ["time", "offset"]
            rows = part.with_columns(
                place=col("offset").cum_count().over("visitor", order_by=order).cast(nw.Int64),
                before=col("item").shift(1).over("visitor", order_by=order),
                near=col("said").shift(1).over("visitor", order_by=order),
            )
            rows = rows.with_columns(col("before", "near").fill_null(-1))
            rows = self._active(rows, clock, last)
            if self._source.users:
                rows = rows.join(self._engine.table(self._source.users), on="visitor", how="left")
                rows = rows.with_columns(own=col("own").fill_null(-1))
            else:
                rows = rows.with_columns(own=nw.lit(-1, nw.Int32))
            kept.append(self._engine.store(rows.drop("offset"), "history"))
        return kept

    def _active(self, rows: Frame, clock: LogClock, last: int) -> Frame:
        """The active time; after a pause, the first event of all is the first of its day."""
        ends, skipped = clock.active.ends, clock.active.skipped
        if not len(ends):
            return rows.with_columns(active=col("time"))
        days = np.arange(int(ends[0]) // DAY * DAY, last + 1, DAY, dtype=np.int64)
        pause = np.searchsorted(ends, days + (DAY - 1), side="right")
        table = self._engine.table({"day": days, "skipped": skipped[pause].astype(np.int64)})
        rows = rows.with_columns(day=col("time") - col("time") % DAY)
        rows = rows.join(table, on="day", how="left")
        return rows.with_columns(active=col("time") - col("skipped").fill_null(0)).drop(
            "day", "skipped"
        )


def _resolved(engine: CountingEngine, source: LogSource, rows: Frame) -> Frame:
    """The rows with the users of sessions in place of these."""
    if not source.sessions:
        return rows
    rows = rows.join(engine.table(source.sessions), on="visitor", how="left")
    known = nw.when(col("user").is_null()).then(col("visitor")).otherwise(col("user"))
    return rows.with_columns(visitor=known).drop("user")


def _nothing() -> dict[str, list[str] | NDArray[Any]]:
    """A training table without rows."""
    numbers = {name: np.zeros(0, np.int64) for name in ("offset", "visitor", "sent_at")}
    texts: dict[str, list[str]] = {name: [] for name in ("item", "event_type", "told")}
    return {**numbers, **texts, "value": np.zeros(0, np.float64)}


def _codes(engine: CountingEngine, name: str, code: str, codes: Mapping[str, int]) -> Frame:
    numbers = np.fromiter(codes.values(), np.int32, len(codes))
    return engine.table({name: list(codes), code: numbers})


def _sorted(columns: Columns, by: str) -> dict[str, NDArray[Any]]:
    order = np.argsort(columns[by], kind="stable")
    return {name: column[order] for name, column in columns.items()}
