"""Shards of streams in the tables: their consumers, positions and leases."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, delete, select, update

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.work.heartbeats import Heartbeats
from pawsonalize_streams.tables import stream_shards

_PARENTS = msgspec.json.Decoder(tuple[str, ...])
_ENCODE = msgspec.json.Encoder().encode
_COLUMNS = stream_shards.c


# Leases are for streams that assign nothing. No clock of another machine counts: a holder counts
# its beats up in the table, and whoever sees a count stand still for the length of a lease, by its
# own steady clock, takes the shard. A holder that was only slow may still store what it had read:
# its events carry the same ids, and its records begin no later than the new holder's, so neither
# doubles nor order are lost.
class Shard(msgspec.Struct, frozen=True):
    """A shard as it is in the tables."""

    stream: str
    shard: str
    parents: tuple[str, ...] = ()
    """The shards whose records come before its own."""
    holder: str | None = None
    """Consumer that reads it."""
    wanted_by: str | None = None
    """Consumer to which its holder is to hand it."""
    beats: int = 0
    position: str | None = None
    """The sequence through which all is stored; None: nothing is."""
    is_ended: bool = False
    """True if it will have no more records, and all are stored."""
    lag_seconds: float | None = None
    """Lag of its holder, if the stream gives it."""
    lag_messages: int | None = None
    """Messages that waited, if the stream gives it."""
    looked_at: int | None = None
    """Moment of the lag, in milliseconds since 1970."""


class ShardLag(msgspec.Struct, frozen=True):
    """Lag of a reader behind the end of its shard."""

    shard: str
    seconds: float | None = None
    messages: int | None = None

    @property
    def is_none(self) -> bool:
        """True if everything in the shard has been read, as far as is known."""
        known = [one for one in (self.seconds, self.messages) if one is not None]
        return bool(known) and not any(known)


class ShardTable(TableAccess):
    """The shards of one stream, for all its consumers."""

    def __init__(self, database: Database, stream: str) -> None:
        super().__init__(database)
        self._stream = stream

    def all(self) -> list[Shard]:
        """Every shard, by id."""
        return [one for one in shards_of_all(self._database) if one.stream == self._stream]

    def add(self, shards: Mapping[str, Sequence[str]], position: str | None = None) -> None:
        """Add the shards, each with its parents, that are not known yet; they begin there."""
        begin = {"position": position}
        rows = [self._row(shard, parents) | begin for shard, parents in shards.items()]
        if rows:
            with self._database.writing() as connection:
                insert_new(connection, stream_shards, rows)

    def beat(
        self, holder: str, positions: Mapping[str, str], lags: Iterable[ShardLag], now: int
    ) -> None:
        """Show that the holder lives, and how far it is in shards that it holds."""
        mine = (_COLUMNS.stream == self._stream, _COLUMNS.holder == holder)
        changes = {shard: {"position": position} for shard, position in positions.items()}
        for one in lags:
            changes[one.shard] = changes.get(one.shard, {}) | _lag_columns(one, now)
        alive = update(stream_shards).where(*mine).values(beats=_COLUMNS.beats + 1)
        with self._database.writing() as connection:
            connection.execute(alive)
            for shard, values in changes.items():
                this = update(stream_shards).where(*mine, _COLUMNS.shard == shard)
                connection.execute(this.values(**values))

    def take(self, seen: Shard, holder: str) -> bool:
        """Take a shard if it is still as it was seen; returns whether it was."""
        return self._change(seen, {"holder": holder, "wanted_by": None, "beats": seen.beats + 1})

    def want(self, seen: Shard, who: str) -> bool:
        """Ask the holder to hand the shard over; returns whether that was noted."""
        return self._change(seen, {"wanted_by": who})

    def release(
        self, shard: str, holder: str, position: str | None, now: int, to: str | None = None
    ) -> None:
        """Let a shard go, or hand it to another one; `position` is None if nothing was stored."""
        # The lag is unknown: nobody knows what comes from now on.
        gone = {"holder": to, "wanted_by": None} | _lag_columns(ShardLag(shard), now)
        self._hold(shard, holder, gone if position is None else gone | {"position": position})

    def end(self, shard: str, holder: str) -> None:
        """Note that the shard is over, and all of it stored; it is nobody's from then on."""
        over = {"is_ended": True, "holder": None, "lag_seconds": None, "lag_messages": None}
        self._hold(shard, holder, over)

    def forget(self, shard: str) -> None:
        """Forget a shard that was over: one of its name is another one."""
        self._execute(delete(stream_shards).where(*self._this(shard), _COLUMNS.is_ended))

    def report(self, holder: str, lags: Iterable[ShardLag], now: int) -> None:
        """Show who reads what, for a stream that assigns its shards itself."""
        rows = [self._row(one.shard) | {"holder": holder} | _lag_columns(one, now) for one in lags]
        self._put(stream_shards, rows)

    def _row(self, shard: str, parents: Sequence[str] = ()) -> dict[str, object]:
        known = {"stream": self._stream, "shard": shard, "parents": _ENCODE(parents).decode()}
        return dict.fromkeys(_COLUMNS.keys()) | known | {"beats": 0, "is_ended": False}

    def _change(self, seen: Shard, values: Mapping[str, object]) -> bool:
        same = (_COLUMNS.holder.is_not_distinct_from(seen.holder), _COLUMNS.beats == seen.beats)
        changed = update(stream_shards).where(*self._this(seen.shard), *same)
        return self._execute(changed.values(**values)) == 1

    def _hold(self, shard: str, holder: str, values: Mapping[str, object]) -> None:
        held = update(stream_shards).where(*self._this(shard), _COLUMNS.holder == holder)
        self._execute(held.values(**values))

    def _this(self, shard: str) -> tuple[ColumnElement[bool], ...]:
        return _COLUMNS.stream == self._stream, _COLUMNS.shard == shard


def _lag_columns(lag: ShardLag, now: int) -> dict[str, Any]:
    return {"lag_seconds": lag.seconds, "lag_messages": lag.messages, "looked_at": now}


def shards_of_all(database: Database) -> list[Shard]:
    """The shards of every stream, by stream and id."""
    ordered = select(stream_shards).order_by(_COLUMNS.stream, _COLUMNS.shard)
    with database.reading() as connection:
        rows = [dict(row) for row in connection.execute(ordered).mappings()]
    return [Shard(**{**row, "parents": _PARENTS.decode(row["parents"])}) for row in rows]


@dataclass(slots=True)
class ShardLeases:
    """The shards that one consumer holds, spread evenly over all consumers that live."""

    table: ShardTable
    holder: str
    """Name of this consumer, unique on all machines."""
    now: Callable[[], int]
    lease: float = 10.0
    """Seconds without a beat after which a holder counts as gone."""
    pause: float = 1.0
    """Seconds between two looks."""
    steady: Callable[[], float] = time.monotonic
    held: dict[str, Shard] = field(default_factory=dict)
    """Shards of this consumer, as of the last look."""
    _stored: dict[str, str] = field(default_factory=dict)
    _beats: Heartbeats[str] = field(init=False)
    _looked: float | None = None

    def __post_init__(self) -> None:
        self._beats = Heartbeats(self.lease, self.steady)

    @property
    def is_due(self) -> bool:
        """True if it is time to look."""
        return self._looked is None or self.steady() - self._looked >= self.pause

    def look(
        self,
        shards: Mapping[str, Sequence[str]],
        lags: Iterable[ShardLag] = (),
        start: str | None = None,
    ) -> None:
        """Show that we live, and take, request and give up shards; `shards` are the stream's."""
        # Shards of a stream that nobody has read get the position `start`.
        self.table.beat(self.holder, self._stored, lags, self.now())
        rows = self.table.all()
        if shards.keys() - {row.shard for row in rows}:
            self.table.add(shards, None if rows else start)
            rows = self.table.all()
        self._looked = self.steady()
        self._beats.look({row.shard: (row.holder, row.beats) for row in rows})
        # A shard may be read once its parents' records are stored.
        waiting = {row.shard for row in rows if not row.is_ended}
        ready = [row for row in rows if row.shard in waiting and waiting.isdisjoint(row.parents)]
        self._take(ready)
        self.held = {row.shard: row for row in self.table.all() if row.holder == self.holder}
        self._stored.clear()

    @property
    def leaving(self) -> list[str]:
        """The shards that another consumer waits for: to be read no further, then handed over."""
        return [shard for shard, row in self.held.items() if row.wanted_by is not None]

    def hand_over(self, shard: str) -> None:
        """Give a shard to who waits for it; all that was read of it must be acknowledged."""
        to, position = self.held[shard].wanted_by, self._stored.get(shard)
        self.table.release(shard, self.holder, position, self.now(), to)
        self._forget(shard)

    def note(self, shard: str, position: str) -> None:
        """Remember how far a shard is stored."""
        # It is written down at the next look.
        if shard in self.held:
            self._stored[shard] = position

    def end(self, shard: str) -> None:
        """Note that a shard is over and wholly stored."""
        self.table.end(shard, self.holder)
        self._forget(shard)

    def _forget(self, shard: str) -> None:
        self.held.pop(shard, None)
        self._stored.pop(shard, None)

    def release(self) -> None:
        """Let all go."""
        # So others need not wait until the leases end.
        for shard in list(self.held):
            position = self._stored.pop(shard, None)
            self.table.release(shard, self.holder, position, self.now())
        self.held.clear()

    def _take(self, ready: Sequence[Shard]) -> None:
        """Take our share of the shards that nobody reads; without any, request some."""
        free = [row for row in ready if self._is_free(row)]
        kept = [row for row in ready if row not in free]
        mine = sum((row.wanted_by or row.holder) == self.holder for row in kept)
        others: dict[str | None, list[Shard]] = {}
        for row in kept:
            if row.holder != self.holder:
                others.setdefault(row.holder, []).append(row)
        share = -(-len(ready) // (len(others) + 1))
        for row in free[: max(0, share - mine)]:
            mine += self.table.take(row, self.holder)
        if not free:  # request from the consumer with the most as many as make us equal
            kept_by = [[row for row in theirs if not row.wanted_by] for theirs in others.values()]
            most = max(kept_by, key=len, default=[])
            for row in most[: max(0, len(most) - mine) // 2]:
                self.table.want(row, self.holder)

    def _is_free(self, row: Shard) -> bool:
        return row.holder is None or (row.holder != self.holder and self._beats.is_gone(row.shard))
