"""Raw events, packed beside the log until they are in the archive."""

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence

import msgspec
import zstandard
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import events, raw_events
from pawsonalize.events.archive.tables import archived_through

# Mark of packed events, so that a copy of them that SQLite left behind is found.
RAW_MARK = b"\xf5raw\xf5"
_LEVEL = 1  # events wait for this
_HEADER = 18  # bytes at most, of a zstd frame
_SPAN = (raw_events.c.first, raw_events.c.last)
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(list[tuple[int, str]]).decode


class _OfThread(threading.local):
    # To make a compressor takes longer than to use it, and only one thread may use it.
    def __init__(self) -> None:
        # By the checksum, a part of a copy that SQLite left behind is known to be but a part.
        self.compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress


_OF_THREAD = _OfThread()


class RawEvents(TableAccess):
    """The JSON of events as it came in, by offsets; what is in the archive is deleted here."""

    def between(self, first: int, last: int) -> dict[int, str]:
        """Return the raw events at these offsets, as far as they are kept."""
        rows = select(raw_events.c.packed).where(*_overlapping(first, last))
        return {
            offset: raw
            for packed in self._scalars(rows)
            for offset, raw in _unpacked(packed)
            if first <= offset <= last
        }

    def fitting(self, after: int, through: int, most_bytes: int) -> int:
        """Up to which offset they have at most so many bytes; never less than one row of them."""
        header = func.substr(raw_events.c.packed, len(RAW_MARK) + 1, _HEADER)
        rows = (
            select(*_SPAN, header)
            .where(*_overlapping(after + 1, through))
            .order_by(raw_events.c.first)
        )
        size = 0
        with self._database.reading() as connection:
            for first, _last, begin in connection.execute(rows).all():
                # The head of a frame says how long the content is, so nothing is unpacked here.
                more = zstandard.frame_content_size(bytes(begin))
                if size and size + more > most_bytes:
                    return min(through, int(first) - 1)
                size += more
        return through

    def forget_archived(self) -> None:
        """Delete those whose events are all in confirmed objects of the archive."""
        # As a rule nothing is kept: to look first takes no writer's turn.
        with self._database.reading() as connection:
            if connection.scalar(select(func.min(raw_events.c.first))) is None:
                return
        with self._database.writing() as connection:
            through = archived_through(connection)
            connection.execute(delete(raw_events).where(raw_events.c.last <= through))


def add_raws(connection: Connection, raws: Mapping[int, str]) -> None:
    """Keep the events of a transaction as they came in, by offsets."""
    if raws:
        row = {"first": min(raws), "last": max(raws), "packed": _packed(list(raws.items()))}
        connection.execute(raw_events.insert(), row)


def take_out_raws(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete what is kept of these events, which are still in their table."""
    first_of_all = connection.scalar(select(func.min(raw_events.c.first)))
    if first_of_all is None:
        return
    theirs = select(events.c.offset).where(which, events.c.offset >= first_of_all)
    offsets = sorted(connection.scalars(theirs))
    if not offsets:
        return
    without = set(offsets)
    spans = select(*_SPAN).where(*_overlapping(offsets[0], offsets[-1]))
    for first, last in connection.execute(spans).all():
        # The first of the offsets that may lie in this row.
        place = bisect_left(offsets, first)
        if place < len(offsets) and offsets[place] <= last:
            this = raw_events.c.first == first
            packed = connection.scalars(select(raw_events.c.packed).where(this)).one()
            held = _unpacked(packed)
            kept = [one for one in held if one[0] not in without]
            if not kept:
                connection.execute(delete(raw_events).where(this))
            elif len(kept) < len(held):
                # The first offset is the key of the row, so it stays.
                values = {"last": kept[-1][0], "packed": _packed(kept)}
                connection.execute(update(raw_events).where(this).values(values))


def _overlapping(first: int, last: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return raw_events.c.first <= last, raw_events.c.last >= first


def _packed(raws: Sequence[tuple[int, str]]) -> bytes:
    return RAW_MARK + _OF_THREAD.compress(_ENCODE(raws))


def _unpacked(packed: bytes) -> list[tuple[int, str]]:
    return _DECODE(zstandard.decompress(packed[len(RAW_MARK) :]))
